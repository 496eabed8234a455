#include <check.h>
#include <malloc.h>
#include <stdlib.h>

#include "membership/memory.h"

#ifdef CLUSTERD_SANITIZED /* the sanitizers bring their own malloc */
enum { OTHER_MALLOC = 1 };
#else
enum { OTHER_MALLOC = 0 };
#endif
enum { LARGE = 1024 * 1024 };

static bool is_mapped(void)
{
	size_t before = mallinfo2().hblks;
	void *volatile p = malloc(LARGE);
	bool mapped = mallinfo2().hblks > before;

	free(p);
	return mapped;
}

START_TEST(test_large_buffers_are_kept_from_a_large_transaction_until_the_trim)
{
	struct memory m;

	memory_init(&m, ev_loop_new(EVFLAG_AUTO));
	ck_assert(is_mapped());
	memory_trim_later(&m);
	ck_assert(is_mapped());
	memory_burst(&m);
	ck_assert(!is_mapped());
	memory_burst(&m);
	ck_assert(!is_mapped());
	ck_assert(ev_is_active(&m.trim));
	ev_invoke(m.loop, &m.trim, EV_TIMER);
	ck_assert(is_mapped());
	ck_assert(!ev_is_active(&m.trim));
	memory_fini(&m);
	ev_loop_destroy(m.loop);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("memory");
	Suite *s = suite_create("memory");
	SRunner *r;
	int failed;

	if (!OTHER_MALLOC)
		tcase_add_test(t,
			test_large_buffers_are_kept_from_a_large_transaction_until_the_trim);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
