// What LiteLLM's settings that have no counterpart were for, and what there is instead. Settings that are not listed are
// reported as well, without advice.

enum LiteLLMNotes {
    private static let logging = "logs and traces are configured otherwise; see docs/metrics.md and docs/tracing.md"
    private static let cache = "answers are not cached"
    private static let failover = "failover between models is not supported yet"
    private static let database = "there is no database: keys, teams and spend that are kept in it are not carried over"
    private static let limit = "a limit for one deployment is not supported; policies.localRateLimit limits a route"

    static let sections = [
        "environment_variables": "set them in the environment of the process",
        "guardrails": "guards on prompts are not supported yet", "mcp_servers": "see docs/mcp.md for MCP servers",
        "callback_settings": logging, "include": "files are not included; convert each of them",
        "pass_through_endpoints": "give each a route of its own; see docs/routing.md",
    ]

    static let params = [
        "rpm": limit, "tpm": limit, "max_parallel_requests": limit, "timeout": "one time-out holds for all models",
        "stream_timeout": "one time-out holds for all models", "max_retries": "see retry",
        "organization": "send it by requestHeaders: {add: {openai-organization: …}}",
        "extra_headers": "send them by requestHeaders", "headers": "send them by requestHeaders",
        "input_cost_per_token": "costs are not counted", "output_cost_per_token": "costs are not counted",
        "max_budget": "budgets are not supported yet", "budget_duration": "budgets are not supported yet",
    ]

    static let general = [
        "database_url": database, "store_model_in_db": database, "store_prompts_in_spend_logs": database,
        "database_connection_pool_limit": database, "database_connection_timeout": database,
        "proxy_batch_write_at": database, "disable_spend_logs": database,
        "salt_key": database, "allowed_routes": "write rules: policies.authorization",
        "enable_jwt_auth": "see policies.jwtAuth", "litellm_jwtauth": "see policies.jwtAuth",
        "custom_auth": "Python code cannot be carried over; see policies.jwtAuth, apiKey and authorization",
        "alerting": "alert on the metrics of docs/metrics.md", "alert_types": "alert on the metrics of docs/metrics.md",
        "max_parallel_requests": "see policies.localRateLimit",
        "global_max_parallel_requests": "see policies.localRateLimit",
        "background_health_checks": "providers are not probed", "health_check_interval": "providers are not probed",
        "pass_through_endpoints": "give each a route of its own; see docs/routing.md",
        "ui_access_mode": "the page of config.adminAddr takes its place",
    ]

    static let router = [
        "fallbacks": failover, "context_window_fallbacks": failover, "content_policy_fallbacks": failover,
        "default_fallbacks": failover, "allowed_fails": "a provider that fails is not left out",
        "cooldown_time": "a provider that fails is not left out",
        "enable_pre_call_checks": "requests are not measured first",
        "redis_host": "nothing is shared between processes", "redis_port": "nothing is shared between processes",
        "redis_password": "nothing is shared between processes", "redis_url": "nothing is shared between processes",
        "retry_policy": "see policies.retry", "retry_after": "see policies.retry", "cache_responses": cache,
    ]

    static let settings = [
        "fallbacks": failover, "context_window_fallbacks": failover, "content_policy_fallbacks": failover,
        "default_fallbacks": failover, "allowed_fails": "a provider that fails is not left out",
        "cooldown_time": "a provider that fails is not left out", "cache": cache, "cache_params": cache,
        "callbacks": logging, "success_callback": logging, "failure_callback": logging, "service_callback": logging,
        "set_verbose": logging, "json_logs": logging, "turn_off_message_logging": "prompts are never logged",
        "redact_user_api_key_info": "keys are never logged", "telemetry": "there is none",
        "max_budget": "budgets are not supported yet", "budget_duration": "budgets are not supported yet",
        "default_team_settings": database, "guardrails": "guards on prompts are not supported yet",
        "ssl_verify": "see backendTLS", "modify_params": "requests are not changed to fit a provider",
    ]
}
