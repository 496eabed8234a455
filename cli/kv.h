#ifndef CLI_KV_H
#define CLI_KV_H
/* What the kv commands share. */
#include <jansson.h>

#include "cli/cli.h"

/* A key as an operator types it: its bytes. EXIT_OK, or EXIT_USAGE after saying why not. */
int kv_key_arg(struct cli *c, const char *arg, struct msg_span *out);
/* The option --prefix, empty when it is not there. */
struct msg_span kv_prefix(const struct cli *c);
/* Keys and values that are no UTF-8 come as "<name>_base64", with null under the name itself. */
json_t *kv_item_json(const struct ctl_kv_item *item);
/* One field in the escapes of common/base/kvline.h. */
void kv_put_field(FILE *out, struct msg_span s);
/* Says that a write failed. Returns EXIT_FAILED. */
int kv_write_failed(struct cli *c, const struct ctl_kv_written *w);
/* --ack and --timeout into a write. */
void kv_write_options(struct cli *c, struct ctl_kv_write *w);

#endif
