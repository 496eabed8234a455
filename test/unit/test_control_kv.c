/* The control socket's requests about the shared data, on the real map of a node alone. */
#include "test/unit/control_peer.h"

static void set_up_data(void)
{
	set_up();
	fake_shell_data(&shell);
}

static void tear_down_data(void)
{
	tear_down();
	data_free(shell.data);
}

static struct ctl_kv_written written(struct peer *p, enum ctl_method m, const char *key,
	const char *value)
{
	struct ctl_kv_write w = {.key = msg_str(key), .value = msg_str(value)};
	struct ctl_kv_written r;

	peer_call(p, m, &w, &r);
	return r;
}

START_TEST(test_what_is_put_is_got)
{
	struct ctl_kv_key ask = {msg_str("key")};
	struct ctl_kv_item item;
	struct peer p;

	peer_open(&p);
	ck_assert(written(&p, CTL_KV_PUT, "key", "value").ok);
	peer_call(&p, CTL_KV_GET, &ask, &item);
	ck_assert(item.found && !item.deleted && !item.conflict);
	assert_span(item.value, "value");
	ck_assert(written(&p, CTL_KV_DELETE, "key", "").ok);
	peer_call(&p, CTL_KV_GET, &ask, &item);
	ck_assert(!item.found);
	assert_span(written(&p, CTL_KV_DELETE, "key", "").code, "not_found");
	ck_assert_ptr_null(LIST_FIRST(&control->pending));
	peer_close(&p);
}
END_TEST

START_TEST(test_a_condition_that_does_not_hold)
{
	struct ctl_kv_write w = {.key = msg_str("key"),
		.value = msg_str("2"),
		.conditional = true,
		.if_version = {"", 0}};
	struct ctl_kv_written r;
	struct peer p;

	peer_open(&p);
	peer_call(&p, CTL_KV_PUT, &w, &r);
	ck_assert(r.ok);
	peer_call(&p, CTL_KV_PUT, &w, &r);
	ck_assert(!r.ok);
	assert_span(r.code, "version_differs");
	peer_close(&p);
}
END_TEST

/* More keys than a page takes come in pages, each once and in order. */
START_TEST(test_pages)
{
	struct ctl_kv_list_ask ask = {.prefix = msg_str("k/"), .after = {"", 0}};
	struct ctl_kv_list page;
	char key[32], after[32];
	unsigned n = 0, pages = 0;
	struct peer p;

	peer_open(&p);
	for (unsigned i = 0; i < CTL_PAGE_ITEMS + 10; i++) {
		snprintf(key, sizeof key, "k/%05u", i);
		ck_assert(written(&p, CTL_KV_PUT, key, "v").ok);
	}
	ck_assert(written(&p, CTL_KV_PUT, "other", "v").ok);
	do {
		const struct ctl_kv_item *item;

		peer_call(&p, CTL_KV_LIST, &ask, &page);
		item = page.items.item;
		for (uint32_t i = 0; i < page.items.n; i++) {
			snprintf(key, sizeof key, "k/%05u", n++);
			assert_span(item[i].key, key);
			ck_assert_uint_eq(item[i].value.n, 0);
		}
		snprintf(after, sizeof after, "%s", key);
		ask.after = msg_str(after);
		pages++;
	} while (page.more);
	ck_assert_uint_eq(n, CTL_PAGE_ITEMS + 10);
	ck_assert_uint_eq(pages, 2);
	peer_close(&p);
}
END_TEST

static void next_change(struct peer *p, struct ctl_kv_changes *out)
{
	ck_assert_int_eq(peer_next(p), 1);
	ck_assert_int_eq(ctl_notice_find(p->env.method), CTL_KV_CHANGES);
	ck_assert_int_eq(msg_decode(ctl_notices[CTL_KV_CHANGES].params, p->env.body, &p->arena,
				 out, NULL),
		0);
	ck_assert_uint_eq(out->items.n, 1);
}

START_TEST(test_a_watcher_hears_of_its_prefix)
{
	struct ctl_kv_watch_ask ask = {.prefix = msg_str("w/"),
		.index = {"", 0},
		.follow = true};
	struct ctl_kv_changes c;
	const struct ctl_kv_item *item;
	char index[CTL_KV_INDEX_MAX + 1];
	struct peer p, writer;

	peer_open(&p);
	peer_open(&writer);
	ck_assert(written(&writer, CTL_KV_PUT, "w/before", "1").ok);
	peer_call(&p, CTL_KV_WATCH, &ask, &c);
	ck_assert_uint_eq(c.items.n, 0);
	ck_assert(written(&writer, CTL_KV_PUT, "other", "1").ok);
	ck_assert_int_eq(peer_next(&p), 0);
	ck_assert(written(&writer, CTL_KV_PUT, "w/1", "one").ok);
	next_change(&p, &c);
	item = c.items.item;
	assert_span(item->key, "w/1");
	assert_span(item->value, "one");
	ck_assert(msg_span_copy(index, sizeof index, c.index));
	ck_assert(written(&writer, CTL_KV_DELETE, "w/1", "").ok);
	next_change(&p, &c);
	ck_assert(((const struct ctl_kv_item *)c.items.item)->deleted);
	/* from where it was, without following: the deletion alone */
	ask.index = msg_str(index);
	ask.follow = false;
	peer_call(&writer, CTL_KV_WATCH, &ask, &c);
	ck_assert_uint_eq(c.items.n, 1);
	ck_assert(!c.anew && !c.more);
	ck_assert_uint_eq(control->n_followers, 1);
	peer_close(&p);
	ck_assert_uint_eq(control->n_followers, 0);
	peer_close(&writer);
}
END_TEST

static const char *const no_index[] = {"x", "1", "1.1", "00000000000000001.1",
	"0000000000000001.g", "0000000000000001.1 "};

START_TEST(test_what_is_no_index)
{
	struct ctl_kv_watch_ask ask = {.prefix = {"", 0}, .index = msg_str(no_index[_i])};
	struct peer p;

	peer_open(&p);
	peer_ask(&p, CTL_KV_WATCH, &ask);
	assert_error(&p, "bad_params");
	peer_close(&p);
}
END_TEST

/* An index of other data: everything anew, said so. */
START_TEST(test_an_index_of_other_data)
{
	struct ctl_kv_watch_ask ask = {.prefix = {"", 0},
		.index = msg_str("0000000000000001.7")};
	struct ctl_kv_changes c;
	struct peer p;

	peer_open(&p);
	ck_assert(written(&p, CTL_KV_PUT, "a", "1").ok);
	peer_call(&p, CTL_KV_WATCH, &ask, &c);
	ck_assert(c.anew);
	ck_assert_uint_eq(c.items.n, 1);
	peer_close(&p);
}
END_TEST

START_TEST(test_not_before_the_state_is_open)
{
	struct ctl_kv_key ask = {msg_str("key")};
	struct peer p;

	shell.starting = true;
	peer_open(&p);
	peer_ask(&p, CTL_KV_GET, &ask);
	assert_error(&p, "starting");
	peer_close(&p);
}
END_TEST

/* --- without data */

static const struct {
	struct shell_data data;
	const char *code, *said;
	bool failed;
	const char *warning;
} no_data[] = {
	{{SHELL_DATA_LOADING, 37, 100, ""}, "data_loading", "loading 37 %", false,
		"data_loading"},
	{{SHELL_DATA_LOADING, 0, 0, ""}, "data_loading", "loading 0 %", false, "data_loading"},
	{{SHELL_DATA_DAMAGED, 0, 0, "cut off"}, "data_unusable", "unusable: cut off", true,
		"data_unusable"},
	{{SHELL_DATA_RESETTING, 0, 0, ""}, "data_loading", "being put aside", false, NULL},
};

static bool has_text(struct msg_span s, const char *text)
{
	return memmem(s.p, s.n, text, strlen(text)) != NULL;
}

/* Each request says so, and so does status. */
START_TEST(test_no_data)
{
	static const enum ctl_method asks[] = {CTL_KV_GET, CTL_KV_PUT, CTL_KV_DELETE,
		CTL_KV_RESOLVE, CTL_KV_LIST, CTL_KV_WATCH};
	union ctl_params any = {0};
	struct ctl_kv_status kv;
	struct ctl_status st;
	struct peer p;

	shell.no_data = true;
	shell.data_state = no_data[_i].data;
	peer_open(&p);
	any.kv_write.key = any.kv_write.value = any.kv_write.if_version = msg_str("key");
	for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
		bool reads = asks[i] == CTL_KV_LIST || asks[i] == CTL_KV_WATCH;
		union ctl_params empty = {.kv_list = {.prefix = {"", 0}, .after = {"", 0}}};

		peer_ask(&p, asks[i], reads ? &empty : &any);
		assert_error(&p, no_data[_i].code);
	}
	peer_call(&p, CTL_KV_STATUS, NULL, &kv);
	assert_span(kv.state, no_data[_i].said);
	peer_call(&p, CTL_STATUS, NULL, &st);
	ck_assert(has_text(st.storage, no_data[_i].said));
	ck_assert_int_eq(st.store_failed, no_data[_i].failed);
	ck_assert_uint_eq(st.warnings.n, no_data[_i].warning != NULL);
	if (no_data[_i].warning != NULL)
		assert_span(((const struct ctl_warning *)st.warnings.item)->code,
			no_data[_i].warning);
	peer_close(&p);
}
END_TEST

static struct ctl_result repair(struct peer *p, bool force)
{
	struct ctl_result r;

	peer_call(p, CTL_KV_REPAIR, &(struct ctl_kv_repair){force}, &r);
	return r;
}

/* Only what is damaged, and of a node alone only when it is told to. */
START_TEST(test_repair)
{
	static const struct core_member other[] = {
		{.name = "b@h", .running = true, .role = WIRE_CORE}};
	struct peer p;

	peer_open(&p);
	ck_assert(has_text(repair(&p, true).text, "nothing to repair"));
	shell.no_data = true;
	shell.data_state = (struct shell_data){SHELL_DATA_LOADING, 1, 2, ""};
	assert_span(repair(&p, true).code, "refused");
	shell.data_state = (struct shell_data){SHELL_DATA_DAMAGED, 0, 0, "cut off"};
	ck_assert(has_text(repair(&p, false).hint, "--force"));
	ck_assert(shell.no_data);
	shell.repair_error = "Read-only file system";
	assert_span(repair(&p, true).text, "Read-only file system");
	shell.repair_error = NULL;
	ck_assert(repair(&p, true).ok);
	ck_assert(!shell.no_data);

	shell.no_data = true;
	shell.member = other;
	shell.n_members = 1;
	ck_assert(repair(&p, false).ok);
	ck_assert_ptr_null(LIST_FIRST(&control->pending));
	peer_close(&p);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("control_kv");
	Suite *s = suite_create("control_kv");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, set_up_data, tear_down_data);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_what_is_put_is_got);
	tcase_add_test(t, test_a_condition_that_does_not_hold);
	tcase_add_test(t, test_pages);
	tcase_add_test(t, test_a_watcher_hears_of_its_prefix);
	tcase_add_loop_test(t, test_what_is_no_index, 0,
		(int)(sizeof no_index / sizeof no_index[0]));
	tcase_add_test(t, test_an_index_of_other_data);
	tcase_add_test(t, test_not_before_the_state_is_open);
	tcase_add_loop_test(t, test_no_data, 0, (int)(sizeof no_data / sizeof no_data[0]));
	tcase_add_test(t, test_repair);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
