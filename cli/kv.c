#include "cli/kv.h"

#include <string.h>

#include "cli/json.h"
#include "common/base/base64.h"
#include "common/base/kvline.h"

enum { GRACE_MS = 2000 };

int kv_key_arg(struct cli *c, const char *arg, struct msg_span *out)
{
	*out = msg_str(arg);
	if (out->n == 0 || out->n > CTL_KV_KEY_MAX)
		return cli_usage_error(c, "a key has 1 to %d bytes", CTL_KV_KEY_MAX);
	return EXIT_OK;
}

struct msg_span kv_prefix(const struct cli *c)
{
	return msg_str(c->args->prefix == NULL ? "" : c->args->prefix);
}

static void put_bytes(json_t *o, const char *name, struct msg_span s)
{
	json_t *text = json_stringn(s.p, s.n);
	struct buf coded = {0};
	char key[32];

	json_object_set_new(o, name, text != NULL ? text : json_null());
	if (text != NULL)
		return;
	base64_put(&coded, s.p, s.n);
	snprintf(key, sizeof key, "%s_base64", name);
	json_object_set_new(o, key, json_stringn((const char *)coded.p, coded.n));
	buf_free(&coded);
}

static void put_value(json_t *o, struct msg_span value, bool deleted)
{
	if (deleted)
		json_object_set_new(o, "value", json_null());
	else
		put_bytes(o, "value", value);
	json_object_set_new(o, "deleted", json_boolean(deleted));
}

static json_t *siblings_json(const struct msg_list *list)
{
	const struct ctl_kv_sibling *s = list->item;
	json_t *a = json_array();

	for (uint32_t i = 0; i < list->n; i++) {
		json_t *o = json_of(&json_kv_sibling, &s[i]);

		put_value(o, s[i].value, s[i].deleted);
		json_array_append_new(a, o);
	}
	return a;
}

json_t *kv_item_json(const struct ctl_kv_item *item)
{
	json_t *o = json_object();

	put_bytes(o, "key", item->key);
	put_value(o, item->value, item->deleted);
	json_object_update_new(o, json_of(&json_kv_item, item));
	json_object_set_new(o, "values", siblings_json(&item->siblings));
	return o;
}

void kv_put_field(FILE *out, struct msg_span s)
{
	struct buf b = {0};

	kvline_field(&b, s.p, s.n);
	if (b.n > 0)
		fwrite(b.p, 1, b.n, out);
	buf_free(&b);
}

int kv_write_failed(struct cli *c, const struct ctl_kv_written *w)
{
	char code[CTL_WORD_MAX + 1] = "error", text[CTL_TEXT_MAX + 1] = "",
				 hint[CTL_TEXT_MAX + 1] = "";

	(void)msg_span_copy(code, sizeof code, w->code);
	(void)msg_span_copy(text, sizeof text, w->text);
	(void)msg_span_copy(hint, sizeof hint, w->hint);
	return cli_fail(c, code, *text != '\0' ? text : code, hint);
}

void kv_write_options(struct cli *c, struct ctl_kv_write *w)
{
	c->grace_ms = GRACE_MS;
	w->ack = c->args->ack;
	w->timeout_ms = (c->args->given & OPT_TIMEOUT) != 0 ? c->args->timeout_ms : 0;
}
