#include <errno.h>
#include <string.h>

#include "common/net/tls_priv.h"

/*
 * OpenSSL's own memory BIO never gives memory back and has no bound. Writes stop at PIPE_MAX: a peer that makes
 * OpenSSL answer (key updates) and reads nothing holds up only itself.
 */
enum { PIPE_MAX = 64 * 1024, KEEP_MAX = 1024 };

void tls_pipe_put(struct tls_pipe *p, const void *from, size_t n)
{
	if (p->off > 0) {
		buf_drop(&p->buf, p->off);
		p->off = 0;
	}
	buf_put(&p->buf, from, n);
}

void tls_pipe_drop(struct tls_pipe *p, size_t n)
{
	p->off += n;
	if (p->off < p->buf.n)
		return;
	p->off = p->buf.n = 0;
	if (p->buf.cap > KEEP_MAX)
		buf_free(&p->buf);
}

static int bio_read(BIO *bio, char *to, int cap)
{
	struct tls_conn *c = BIO_get_data(bio);
	size_t n = tls_pipe_n(&c->in);

	BIO_clear_retry_flags(bio);
	if (cap <= 0)
		return 0;
	if (n == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (n > (size_t)cap)
		n = (size_t)cap;
	memcpy(to, c->in.buf.p + c->in.off, n);
	tls_pipe_drop(&c->in, n);
	return (int)n;
}

static int bio_write(BIO *bio, const char *from, int n)
{
	struct tls_conn *c = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (n <= 0)
		return 0;
	if (tls_pipe_n(&c->out) + (size_t)n > PIPE_MAX) {
		BIO_set_retry_write(bio);
		return -1;
	}
	tls_pipe_put(&c->out, from, (size_t)n);
	return n;
}

static long bio_ctrl(BIO *bio, int cmd, long arg, void *p)
{
	(void)bio;
	(void)arg;
	(void)p;
	return cmd == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *tls_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "clusterd bytes");

	if (m != NULL && BIO_meth_set_read(m, bio_read) == 1 &&
		BIO_meth_set_write(m, bio_write) == 1 && BIO_meth_set_ctrl(m, bio_ctrl) == 1 &&
		BIO_meth_set_create(m, bio_create) == 1)
		return m;
	BIO_meth_free(m);
	return NULL;
}
