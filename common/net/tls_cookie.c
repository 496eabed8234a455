#include "common/net/tls_cookie.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/cookie.h"

enum { SCRYPT_N = 1 << 15, SCRYPT_R = 8 };

/* OpenSSL takes everything by non-const pointer and writes to none of it. */
static OSSL_PARAM octets(const char *name, const void *p, size_t n)
{
	OSSL_PARAM param = OSSL_PARAM_construct_octet_string(name, NULL, n);

	memcpy(&param.data, &p, sizeof p);
	return param;
}

struct hkdf {
	const void *key;
	size_t key_n;
	const char *salt, *info;
};

static int hkdf(const struct hkdf *in, uint8_t *out, size_t n)
{
	char digest[] = "SHA256";
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		octets(OSSL_KDF_PARAM_KEY, in->key, in->key_n),
		octets(OSSL_KDF_PARAM_SALT, in->salt, strlen(in->salt)),
		octets(OSSL_KDF_PARAM_INFO, in->info, strlen(in->info)),
		OSSL_PARAM_construct_end(),
	};
	int rc = ctx != NULL && EVP_KDF_derive(ctx, out, n, params) == 1 ? 0 : -ENOMEM;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return rc;
}

int tls_cookie_key(const char *cookie, const char *cluster_name, uint8_t out[TLS_KEY_BYTES])
{
	const uint64_t mem_max = UINT64_C(64) << 20;
	struct buf salt = {0};
	int rc = -ENOMEM;

	if (cookie[0] == '\0')
		return -EINVAL;
	buf_printf(&salt, "clusterd cookie 1:%s", cluster_name);
	buf_put(&salt, "", 1);
	if (cookie_is_generated(cookie))
		rc = hkdf(&(struct hkdf){cookie, strlen(cookie), (char *)salt.p,
				  "clusterd key 1"},
			out, TLS_KEY_BYTES);
	else if (EVP_PBE_scrypt(cookie, strlen(cookie), salt.p, salt.n - 1, SCRYPT_N, SCRYPT_R,
			 1, mem_max, out, TLS_KEY_BYTES) == 1)
		rc = 0;
	buf_free(&salt);
	return rc;
}

int tls_key_id(const uint8_t key[TLS_KEY_BYTES], uint8_t out[TLS_KEY_ID_BYTES])
{
	return hkdf(&(struct hkdf){key, TLS_KEY_BYTES, "clusterd", "clusterd key id 1"}, out,
		TLS_KEY_ID_BYTES);
}
