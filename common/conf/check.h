#ifndef COMMON_CONF_CHECK_H
#define COMMON_CONF_CHECK_H
/* What the table's kinds can't say about a value. Each returns 0, or -EINVAL with what is allowed in *why (static). Pure. */

int check_node(const char *value, const char **why);
int check_cluster_name(const char *value, const char **why);
int check_strategy(const char *value, const char **why);
int check_seed(const char *value, const char **why);
int check_address(const char *value, const char **why);
int check_advertise(const char *value, const char **why);
int check_domain(const char *value, const char **why);
int check_dns_server(const char *value, const char **why);
int check_url(const char *value, const char **why);
int check_prefix(const char *value, const char **why);
int check_label(const char *value, const char **why);
int check_path(const char *value, const char **why);
int check_user(const char *value, const char **why);
/* A tag's name, the part behind `node.tags.`. */
int check_tag_name(const char *value, const char **why);
int check_policy(const char *value, const char **why);
/* The part behind `store.policy.`: the beginning of keys. */
int check_policy_prefix(const char *value, const char **why);

#endif
