#include "common/conf/conf.h"

/* Kept apart from the table of our keys for its length alone. */
const char *const conf_foreign[] = {
	/* parts of EMQX that have nothing to do with clustering */
	"a2a_registry", "actions", "ai", "alarm", "api_key", "authentication", "authorization",
	"auto_subscribe", "banned", "bridges", "broker", "client_attrs", "conn_congestion",
	"connectors", "crl_cache", "dashboard", "delayed", "durable_queues", "durable_sessions",
	"durable_storage", "durable_streams", "event_message", "exhook", "external_broker",
	"file_transfer", "flapping_detect", "force_gc", "force_shutdown", "gateway", "license",
	"limiter", "listeners", "mcp", "message_transformation", "message_validation",
	"modules", "mqtt", "mq", "multi_tenancy", "namespaces", "opentelemetry",
	"overload_protection", "persistent_session_store", "plugins", "prometheus",
	"psk_authentication", "quic", "rebalance", "resource", "retainer", "rewrite",
	"rule_engine", "schema_registry", "schema_validation", "session_persistence",
	"slow_subs", "sources", "statsd", "stats", "sys_topics", "sysmon", "system_monitor",
	"tcp_keepalive", "telemetry", "topic_metrics", "trace", "unified_namespace", "zones",
	/* of its runtime and its other transport */
	"cluster.core_nodes", "cluster.links", "cluster.prevent_overlapping_partitions",
	"cluster.quic_lb_mode", "cluster.etcd.ssl_options.ciphers",
	"cluster.etcd.ssl_options.depth", "cluster.etcd.ssl_options.hibernate_after",
	"cluster.etcd.ssl_options.log_level", "cluster.etcd.ssl_options.reuse_sessions",
	"cluster.etcd.ssl_options.secure_renegotiate", "cluster.etcd.ssl_options.versions",
	"log.audit", "log.console", "log.console_handler", "log.file", "log.file_handlers",
	"log.throttling", "node.applications", "node.backtrace_depth", "node.broker_pool_size",
	"node.channel_cleanup_batch_size", "node.cluster_call", "node.crash_dump_bytes",
	"node.crash_dump_file", "node.crash_dump_seconds", "node.db_backend",
	"node.default_bootstrap_batch_size", "node.default_shard_transport",
	"node.dist_buffer_size", "node.dist_connect_options", "node.dist_listen_options",
	"node.dist_net_ticktime", "node.etc_dir", "node.generic_pool_size",
	"node.global_gc_interval", "node.max_ports", "node.process_limit", "node.rpc_module",
	"node.shard_transports", "node.tlog_push_mode", "rpc.async_batch_size",
	"rpc.authentication_timeout", "rpc.cacertfile", "rpc.call_receive_timeout",
	"rpc.certfile", "rpc.ciphers", "rpc.client_num", "rpc.connect_timeout", "rpc.driver",
	"rpc.insecure_fallback", "rpc.ipv6_only", "rpc.keyfile", "rpc.listen_address",
	"rpc.mode", "rpc.protocol", "rpc.send_timeout", "rpc.socket_buffer",
	"rpc.socket_keepalive_count", "rpc.socket_keepalive_idle",
	"rpc.socket_keepalive_interval", "rpc.socket_recbuf", "rpc.socket_sndbuf",
	"rpc.tcp_client_num", "rpc.tls_versions", NULL};
