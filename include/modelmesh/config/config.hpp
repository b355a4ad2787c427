// The configuration of a client as one value, whatever it was written in. Files, the dump of a configuration and
// its JSON Schema come from these types: a new member is a new key, and its rules say what else a file may do.
#pragma once

#include <modelmesh/config/key_source.hpp>
#include <modelmesh/connector/observability.hpp>
#include <modelmesh/connector/rotation.hpp>
#include <modelmesh/connector/storage.hpp>
#include <modelmesh/core/log_detail.hpp>
#include <modelmesh/json/fields.hpp>
#include <modelmesh/json/types.hpp>
#include <modelmesh/router/retry.hpp>
#include <modelmesh/router/streaming.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh {
namespace connector {
class discovery;
}

/// Entries by name, in the order they were written: order decides which model a pool tries first.
template <class T> using named = std::vector<std::pair<std::string, T>>;

/// How a provider's certificate is checked, and which one of ours it is shown. Checking cannot be half on: it
/// is verified in full or not at all.
struct tls_config {
    bool verify{true};     ///< false accepts any certificate; for experiments only
    std::string ca_file{}; ///< PEM file of additional roots
    std::string ca_pem{};  ///< the same as text
    /// PEM file of our certificate and its chain, where the provider asks for one.
    std::string certificate_file{};
    std::string certificate_pem{}; ///< the same as text
    std::string key_file{};        ///< PEM file of its key, not encrypted
    std::string key_pem{};         ///< the same as text; never printed

    static constexpr json::field_rule json_fields[] = {
        json::about("verify", "false accepts any certificate; for experiments only"),
        json::about("ca_file", "PEM file of additional roots"),
        json::about("ca_pem", "additional roots as text"),
        json::about("certificate_file", "PEM file of our certificate and its chain"),
        json::about("certificate_pem", "our certificate and its chain as text"),
        json::about("key_file", "PEM file of our certificate's key, not encrypted"),
        json::about("key_pem", "our certificate's key as text"),
        json::secret("key_pem"),
    };
};

/// Which HTTP a provider is spoken to in.
enum class http_version : unsigned char {
    automatic, ///< HTTP/2 where a server of https:// offers it, else HTTP/1.1
    http1,     ///< HTTP/1.1 only
    http2,     ///< HTTP/2 without asking, also for http:// (prior knowledge)
};

/// What may be spent, in US dollars; absent: as much as there is. Decimals count as they are written, to a
/// millionth of a dollar. A call reserves the most that it is expected to cost, and is refused when a limit
/// does not have it: where requests say `max_tokens`, more of them fit. Days and months are those of config::time_zone.
struct budget_config {
    std::optional<double> per_request_limit{};
    std::optional<double> daily_limit{};
    std::optional<double> monthly_limit{};
    /// Shares of a limit, above 0 and at most 1, at which the log gets `budget.alert`, once in a period each.
    std::vector<double> alert_thresholds{0.5, 0.8, 1};
    bool enforce{true}; ///< false: nothing is refused

    static constexpr json::field_rule json_fields[] = {
        json::about("per_request_limit", "US dollars that one request may cost"),
        json::about("daily_limit", "US dollars of a day, in time_zone"),
        json::about("monthly_limit", "US dollars of a month, in time_zone"),
        json::about("alert_thresholds", "shares of a limit that are told, once in a period each"),
        json::also("alert_thresholds", "alert_threshold"),
        json::about("enforce", "false: nothing is refused"),
    };
};

/// Prices in US dollars, of 1,000 tokens or of one other unit. Absent: the list price that the library knows,
/// if any. (Vendors' own lists are for a million tokens: a thousandth of their price belongs here.)
struct pricing_config {
    std::optional<double> input_per_1k_tokens{};
    std::optional<double> output_per_1k_tokens{};
    std::optional<double> cached_input_per_1k_tokens{}; ///< else as input, as the next
    std::optional<double> cache_write_per_1k_tokens{};
    std::optional<double> reasoning_per_1k_tokens{};   ///< else as output
    std::optional<double> audio_input_per_1k_tokens{}; ///< else as input
    std::optional<double> audio_output_per_1k_tokens{};
    std::optional<double> per_image{};
    std::optional<double> per_second{};    ///< of sound
    std::optional<double> per_character{}; ///< of text to speak
    std::optional<double> per_request{};
};

/// What is done with a model of which no price is known, where a budget is enforced.
enum class unknown_price_action : unsigned char {
    reject, ///< it is not asked
    zero,   ///< it costs nothing
    assume, ///< it costs what `assumed_pricing` says
};

/// What a pool does with a call that one of its models has no budget for.
enum class budget_action : unsigned char {
    error,  ///< the call fails
    rotate, ///< the next model is tried, and this one is not to blame
};

/// How a provider is told who asks.
enum class auth_method : unsigned char { api_key };

/// What this program itself asks for in a minute, through whatever pools; 0: as much as it likes. At a steady rate: six
/// seconds' worth may come at once, one request at least. Every attempt is a request. Its tokens are those that the
/// request may come to (its own, by their size, and the reply that it allows or a usual one) until they are known, then
/// those that the reply says it used; none when nothing came. One attempt may go above the limit, and the next ones wait
/// for it, a minute at most. While a model has had its share it is not asked, as with pool_config::rate_limit_max_rpm,
/// and rate_limit_action says what happens when that goes for all.
struct rate_limit_config {
    std::int64_t requests_per_minute{0};
    std::int64_t tokens_per_minute{0};

    static constexpr json::field_rule json_fields[] = {
        json::about("requests_per_minute", "attempts in a minute; 0: any number"),
        json::range("requests_per_minute", 0, 100000),
        json::about("tokens_per_minute", "tokens of requests and replies in a minute; 0: any number"),
        json::range("tokens_per_minute", 0, 1e9),
    };
};

/// The connections to a provider's server, of each event loop that uses the client. Providers with the same server and
/// the same settings share them.
struct connection_pool_config {
    /// Open at a time, in use or idle, of each event loop. A call that finds none free waits for one; HTTP/2 carries many
    /// calls on one. At most 32 of them are kept while idle. At least 1.
    unsigned max_connections{256};
    /// Longest wait for a free one while as many are open as may be. Then the attempt fails as overloaded, which is held
    /// against no model, and goes on elsewhere. Above 0; absent: until the call's deadline.
    std::optional<std::chrono::milliseconds> timeout{};
    /// How long one without a call is kept; 0: not at all. Most servers close theirs after a minute or more.
    std::chrono::milliseconds idle_timeout{std::chrono::seconds(55)};

    static constexpr json::field_rule json_fields[] = {
        json::about("max_connections", "open at a time, of each event loop"),
        json::range("max_connections", 1, 65536),
        json::about("timeout", "longest wait for a free one; left out: until the deadline"),
        json::about("idle_timeout", "how long one without a call is kept"),
    };
};

/// One provider: a server, an account on it, and the connector that speaks its format.
struct provider_config {
    std::string connector{}; ///< connector id, for example `openai.llm.v1`
    bool enabled{true};      ///< false: as if it were not there
    /// Up to and with the version, for example `https://api.openai.com/v1`; empty: the connector's own.
    std::string base_url{};
    std::string api_key{}; ///< empty when none is needed; never printed
    /// Where api_key was read, if it may be another one there: load_config() says it for a key with references, and
    /// detect() for a variable's. Without effect when the program has put another api_key in its place.
    std::shared_ptr<const modelmesh::key_source> key_source{};
    /// Vendor's names; empty: the server is asked before the first request.
    std::vector<std::string> models{};
    /// What its models can do, for those of which `models` of the configuration does not say it; empty: as the
    /// connector knows or guesses.
    std::vector<std::string> capabilities{};
    tls_config tls{};
    /// `http://[user:password@]host:port` of an HTTP proxy (or https://), which alone decides; `none` for no
    /// proxy; empty: HTTPS_PROXY, http_proxy, ALL_PROXY and NO_PROXY decide, as they do for curl. Never
    /// printed.
    std::string proxy{};
    http_version http{http_version::automatic};
    /// Calls, not streams, that may be under way on one HTTP/1.1 connection, each behind the other. More than
    /// 1 (pipelining) also allows that one whose connection is lost is sent, and billed, twice: for servers of
    /// your own.
    unsigned pipeline_depth{1};
    connection_pool_config connection_pool{};
    /// Longest time for one attempt at it, the stream included; absent: what the call has.
    std::optional<std::chrono::milliseconds> timeout{};
    modelmesh::auth_method auth_method{modelmesh::auth_method::api_key};
    /// How often one call may ask a model of it again after a failure, where its pool would ask more often; absent: as
    /// retry_config::max_attempts of the pool says.
    std::optional<unsigned> max_retries{};
    /// HTTP statuses of this provider's answers after which a model is asked again, and those after which it is not.
    /// Before those of the pool's retry_config.
    std::vector<int> retryable_codes{};
    std::vector<int> non_retryable_codes{};
    budget_config budget{};
    pricing_config pricing{}; ///< of all its models
    /// Of all its models together. Providers with the same server and key have one between them.
    rate_limit_config rate_limit{};

    static constexpr json::field_rule json_fields[] = {
        json::about("connector", "connector id; the provider's name when it is left out"),
        json::about("enabled", "false: as if it were not there"),
        json::about("base_url", "up to and with the version, like https://api.openai.com/v1"),
        json::also("base_url", "config.base_url"),
        json::about("api_key", "the account's key; best as ${secrets:NAME}"),
        json::secret("api_key"),
        json::also("api_key", "auth.api_key"),
        json::also("api_key", "config.auth.api_key"),
        json::also("api_key", "config.api_key"),
        json::about("models", "vendor's names; left out: the server is asked"),
        json::about("capabilities", "what its models can do; left out: as the connector knows"),
        json::about("tls", "how the server's certificate is checked, and which one of ours it is shown"),
        json::about("proxy", "http://[user:password@]host:port of an HTTP proxy, or none"),
        json::secret("proxy"),
        json::about("http", "which HTTP it is spoken to in"),
        json::about("budget", "what its models may cost"),
        json::about("pricing", "what its models cost, where the list prices are not right"),
        json::about("rate_limit", "what all its models together are asked for in a minute"),
        json::about("timeout", "longest time for one attempt"),
        json::also("timeout", "execution.timeout"),
        json::also("timeout", "config.timeout"),
        json::about("auth_method", "how the server is told who asks"),
        json::also("auth_method", "auth.method"),
        json::about("max_retries", "how often one call may ask the same model again, at most"),
        json::range("max_retries", 0, 99),
        json::also("max_retries", "execution.max_retries"),
        json::also("max_retries", "config.max_retries"),
        json::about("retryable_codes", "HTTP statuses after which the same model is asked again"),
        json::also("retryable_codes", "error.retryable_codes"),
        json::about("non_retryable_codes", "HTTP statuses after which it is not"),
        json::also("non_retryable_codes", "error.non_retryable_codes"),
        json::about("pipeline_depth", "calls that may be under way on one HTTP/1.1 connection"),
        json::range("pipeline_depth", 1, 1000),
        json::about("connection_pool", "how many connections there may be to its server"),
    };
};

/// What a pool does with streams that break off.
struct streaming_config {
    /// After the first content. `continue` is for chats of one choice that have streamed nothing but text and ask for
    /// no structured output; `restart` for chats, responses and text completions. Any other stream ends with the
    /// error.
    stream_failure_action on_failure{stream_failure_action::error};
    /// The first content, and what follows it, is kept from the reader for this long, 64 KiB at most: when the model
    /// fails meanwhile, the next one takes over unnoticed, whatever on_failure says. Cost: every stream shows its
    /// first word that much later, and up to the pause between two chunks more; replies that are shorter come at
    /// once when they end. Absent: nothing is kept.
    std::optional<std::chrono::milliseconds> hold_back{};
    unsigned max_failovers{2}; ///< how often one stream may go on elsewhere after its first content

    static constexpr json::field_rule json_fields[] = {
        json::about("on_failure", "what becomes of a stream that breaks off after its first content"),
        json::about("hold_back", "how long the first content waits, so that an early failure is not seen"),
        json::about("max_failovers", "how often one stream may go on elsewhere after its first content"),
        json::range("max_failovers", 1, 100),
    };
};

/// Hedged requests: when an attempt takes longer than most replies of its model have lately, the next model of the
/// pool is asked as well. The first answer counts and the other attempt is cancelled, which some vendors bill all the
/// same. For calls, and for streams until their first content.
struct hedging_config {
    bool enabled{false};
    /// Of the model's last `latency_window` replies; streams: of the times to their first content. Fewer than 20
    /// known replies start no second attempt.
    double percentile{95};
    std::chrono::milliseconds min_delay{50}; ///< no second attempt before
    double max_extra_load{0.05};             ///< second attempts per request, at most; ten may come at once

    static constexpr json::field_rule json_fields[] = {
        json::about("enabled", "whether a second attempt is made at all"),
        json::about("percentile", "of the model's recent latencies, after which it is made"),
        json::range("percentile", 50, 99.9),
        json::about("min_delay", "never before that"),
        json::about("max_extra_load", "second attempts per request, at most"),
        json::range("max_extra_load", 0, 1),
    };
};

/// In which period a model's use is counted against its limits. Days and months are those of config::time_zone.
enum class quota_window : unsigned char { monthly, daily };
/// When limits begin anew: as quota_window, in the words of `recovery`. daily_utc is refused in another time zone.
enum class quota_schedule : unsigned char { monthly, daily_utc };

/// What a pool does with a request when its models have had all that its rate_limit, or their own, lets them have.
enum class rate_limit_action : unsigned char {
    switch_model,  ///< it goes to the model that the strategy chooses all the same
    delay_request, ///< it waits for the first that may have another, within its deadline
};

/// When models are not asked, by the calendar.
struct maintenance_config {
    /// Five fields, minute hour day-of-month month day-of-week, with lists, ranges, steps and names; empty: never.
    std::string cron{};
    unsigned duration{3600}; ///< seconds that it takes
    /// By whose clocks: as config::time_zone. A time that they skip in spring is the moment at which they do; one that
    /// comes twice in autumn counts once, at first.
    std::string tz{"UTC"};

    static constexpr json::field_rule json_fields[] = {
        json::about("cron", "when it begins: minute hour day-of-month month day-of-week, like 0 3 * * 0"),
        json::also("cron", json::itself),
        json::about("duration", "how long it takes"),
        json::measured("duration", json::measure::seconds),
        json::about("tz", "by whose clocks: UTC, Europe/Berlin or +02:00"),
    };
};

/// One pool: the models that may answer for a capability, and those that it names. With no providers listed, all.
struct pool_config {
    /// Any spelling that capability::canonical accepts. Empty: the pool has the models that it names and no others.
    std::string capability{};
    /// Behind those that have the capability, in this order: ids (`provider.model`) or the vendor's names. A model
    /// that is named does what the pool is for, whatever is known of it.
    std::vector<std::string> models{};
    /// Provider names, for the models that the pool does not name; empty means all.
    std::vector<std::string> providers{};
    std::vector<std::string> excluded_providers{}; ///< none of their models, named or not
    unsigned failure_threshold{3};                 ///< failures in a row that take a model out of service
    /// How long it stays out the first time. Each further time in a row is twice as long, up to 15 minutes.
    unsigned cooldown_seconds{60};
    /// How long it stays out each further time instead. Absent: as said.
    std::optional<std::chrono::seconds> probe_interval{};
    /// With a storage: a model that failures had taken out when the program ended, alone or with its provider, is probed by
    /// the first request of the new one, and not when its time is over. Not one whose key the provider has refused.
    bool probe_on_start{false};
    /// Share of failures among the last 32 outcomes that takes a model out of service as well; above 1: none does.
    double error_rate_threshold{0.5};
    /// What each of its models may be used for in a quota window, tried or not: requests, tokens, US dollars. One that
    /// has reached a limit is out of service until the next window; calls under way go on. Absent: as much as there is.
    std::optional<std::int64_t> request_limit{};
    std::optional<std::int64_t> token_limit{};
    std::optional<double> budget_limit{};
    /// The same for single models, by id or the vendor's name.
    named<std::int64_t> model_request_limits{};
    named<std::int64_t> model_token_limits{};
    std::optional<modelmesh::quota_window> quota_window{}; ///< absent: as quota_reset_schedule says
    bool on_quota_reset{true}; ///< false: who has reached a limit stays out until a program puts it back
    std::optional<quota_schedule> quota_reset_schedule{}; ///< absent: as quota_window says, else monthly
    maintenance_config maintenance_window{};              ///< of all its models
    /// A reply that takes longer takes the model out of service for the cooldown, when its mean does so as well.
    std::optional<unsigned> max_latency_ms{};
    /// Ids of the rules that say when a model goes out of service and when it returns
    /// (connector::registry::add_deactivation, add_recovery).
    std::string deactivation_policy{"modelmesh.thresholds.v1"};
    std::string recovery_policy{"modelmesh.scheduled.v1"};

    /// Which model gets a request: the id of a rotation policy (connector::registry::add_rotation), or the short
    /// name of one that ships: stick-until-failure, priority-selection, round-robin, cost-first, latency-first,
    /// session-stickiness, rate-limit-aware, load-balanced, least-loaded, weighted, score.
    std::string strategy{"modelmesh.stick-until-failure.v1"};
    /// The order of preference of priority-selection, and of session-stickiness (without a session) and
    /// rate-limit-aware: ids (`provider.model`) or the vendor's names.
    std::vector<std::string> model_priority{};
    std::vector<std::string> provider_priority{}; ///< for the models that model_priority does not name
    /// Who decides for priority-selection among the models that neither list names: a policy, or `error` for nobody.
    std::string fallback_strategy{"round-robin"};
    /// Of weighted and load-balanced, by id or the vendor's name; 1 for the others.
    named<double> model_weights{};
    /// Of load-balanced without weights.
    connector::balance_mode balance_mode{connector::balance_mode::relative};
    unsigned latency_window{50}; ///< replies that latency-first takes the mean of
    connector::affinity_mode affinity_mode{connector::affinity_mode::fallback}; ///< of session-stickiness
    /// Member of a request's `metadata` that names its session.
    std::string session_header{"session_id"};
    /// Accepted and without effect: sessions are told apart by hashing, so that there is nothing to forget.
    unsigned session_timeout{1800};
    /// Share of a provider's limit from which on rate-limit-aware prefers other models.
    double rate_limit_threshold{0.8};
    std::chrono::milliseconds rate_limit_min_delta{
        0};                         ///< between two requests to one model, whatever the strategy
    unsigned rate_limit_max_rpm{0}; ///< requests to one model in a minute; 0: any number
    modelmesh::rate_limit_action rate_limit_action{modelmesh::rate_limit_action::switch_model};
    budget_config budget{};
    budget_action on_budget_exceeded{budget_action::error};
    streaming_config streaming{};
    retry_config retry{};
    /// HTTP statuses of answers that count against a model's health; empty: each failure that is the model's own does.
    std::vector<int> error_codes{};
    /// When all models of a provider go out of service, in every pool: its key has been refused, or it is down.
    std::vector<provider_trigger> provider_deactivation{provider_trigger::on_auth_failure};
    /// How they come back.
    std::vector<provider_return> provider_recovery{provider_return::on_probe_success};
    outage_config provider_outage{};
    /// Whether another model is asked for what the content policy of one refuses.
    bool rotate_on_content_filter{false};
    hedging_config hedging{};

    static constexpr json::field_rule json_fields[] = {
        json::about(
            "capability",
            "what its models can do, in any spelling; left out: the pool's name, unless it has models"),
        json::also("capability", "hierarchy_node"),
        json::about("models", "models that it has besides, by id or the vendor's name, in this order"),
        json::about("providers", "names or connector ids of providers; left out: all"),
        json::also("providers", "allowed_providers"),
        json::about("excluded_providers", "providers whose models it does not have"),
        json::about("failure_threshold", "failures in a row that take a model out of service"),
        json::range("failure_threshold", 1, 4095),
        json::also("failure_threshold", "deactivation.retry_limit"),
        json::also("failure_threshold", "rotation.deactivation.retry_limit"),
        json::about("cooldown_seconds",
                    "how long a model stays out of service; twice as long each further time"),
        json::measured("cooldown_seconds", json::measure::seconds),
        json::also("cooldown_seconds", "recovery.cooldown"),
        json::also("cooldown_seconds", "rotation.recovery.cooldown"),
        json::about("probe_interval", "how long each further time instead, until the next request tries it"),
        json::range("probe_interval", 1, 1e9),
        json::also("probe_interval", "recovery.probe_interval"),
        json::also("probe_interval", "rotation.recovery.probe_interval"),
        json::about("probe_on_start", "a restart ends the time that failures before it keep a model out"),
        json::also("probe_on_start", "recovery.probe_on_start"),
        json::also("probe_on_start", "rotation.recovery.probe_on_start"),
        json::about("error_rate_threshold", "share of failures that takes a model out of service, too"),
        json::also("error_rate_threshold", "deactivation.error_rate_threshold"),
        json::also("error_rate_threshold", "rotation.deactivation.error_rate_threshold"),
        json::about("request_limit", "requests of each model in a quota window"),
        json::range("request_limit", 1, 1e15),
        json::also("request_limit", "deactivation.request_limit"),
        json::also("request_limit", "rotation.deactivation.request_limit"),
        json::about("token_limit", "tokens of each model in a quota window"),
        json::range("token_limit", 1, 1e15),
        json::also("token_limit", "deactivation.token_limit"),
        json::also("token_limit", "rotation.deactivation.token_limit"),
        json::about("budget_limit", "US dollars that each model may cost in a quota window"),
        json::range("budget_limit", 0, 1e8),
        json::also("budget_limit", "deactivation.budget_limit"),
        json::also("budget_limit", "rotation.deactivation.budget_limit"),
        json::about("model_request_limits", "requests in a quota window, by model"),
        json::about("model_token_limits", "tokens in a quota window, by model"),
        json::about("quota_window", "the period in which use is counted against limits"),
        json::also("quota_window", "deactivation.quota_window"),
        json::also("quota_window", "rotation.deactivation.quota_window"),
        json::about("on_quota_reset", "whether a model returns when the next quota window begins"),
        json::also("on_quota_reset", "recovery.on_quota_reset"),
        json::also("on_quota_reset", "rotation.recovery.on_quota_reset"),
        json::about("quota_reset_schedule", "when the next quota window begins"),
        json::also("quota_reset_schedule", "recovery.quota_reset_schedule"),
        json::also("quota_reset_schedule", "rotation.recovery.quota_reset_schedule"),
        json::about("maintenance_window", "when its models are not asked"),
        json::also("maintenance_window", "deactivation.maintenance_window"),
        json::also("maintenance_window", "rotation.deactivation.maintenance_window"),
        json::about("max_latency_ms", "milliseconds of a reply that take a model out of service"),
        json::also("max_latency_ms", "rotation.max_latency_ms"),
        json::also("max_latency_ms", "rotation.selection.max_latency_ms"),
        json::range("max_latency_ms", 1, 1e9),
        json::about("deactivation_policy", "rules by which models go out of service"),
        json::also("deactivation_policy", "deactivation.policy"),
        json::also("deactivation_policy", "rotation.deactivation.policy"),
        json::about("recovery_policy", "rules by which they return"),
        json::also("recovery_policy", "recovery.policy"),
        json::also("recovery_policy", "rotation.recovery.policy"),
        json::about("strategy", "rotation policy: which model gets a request"),
        json::also("strategy", "rotation.policy"),
        json::about("model_priority", "models in the order of preference"),
        json::also("model_priority", "rotation.model_priority"),
        json::also("model_priority", "rotation.selection.model_priority"),
        json::about("provider_priority", "providers in the order of preference, for the other models"),
        json::also("provider_priority", "rotation.provider_priority"),
        json::also("provider_priority", "rotation.selection.provider_priority"),
        json::about("fallback_strategy", "policy for the models without a priority, or error"),
        json::also("fallback_strategy", "rotation.fallback_strategy"),
        json::also("fallback_strategy", "rotation.selection.fallback_strategy"),
        json::about("model_weights", "shares of the requests, by model"),
        json::also("model_weights", "rotation.model_weights"),
        json::also("model_weights", "rotation.selection.model_weights"),
        json::about("balance_mode", "what load-balanced weighs: the rest of a limit, or its share"),
        json::also("balance_mode", "rotation.balance_mode"),
        json::also("balance_mode", "rotation.selection.balance_mode"),
        json::about("latency_window", "replies that latency-first takes the mean of"),
        json::also("latency_window", "rotation.latency_window"),
        json::also("latency_window", "rotation.selection.latency_window"),
        json::about("affinity_mode", "whether a session may move to another model"),
        json::also("affinity_mode", "rotation.affinity_mode"),
        json::also("affinity_mode", "rotation.selection.affinity_mode"),
        json::about("session_header", "member of metadata that names a request's session"),
        json::also("session_header", "rotation.session_header"),
        json::also("session_header", "rotation.selection.session_header"),
        json::about("session_timeout", "without effect: nothing is remembered of sessions"),
        json::also("session_timeout", "rotation.session_timeout"),
        json::also("session_timeout", "rotation.selection.session_timeout"),
        json::measured("session_timeout", json::measure::seconds),
        json::about("rate_limit_threshold", "share of a limit from which on other models are preferred"),
        json::also("rate_limit_threshold", "rate_limit.threshold"),
        json::also("rate_limit_threshold", "rotation.rate_limit.threshold"),
        json::about("rate_limit_min_delta", "time between two requests to one model"),
        json::also("rate_limit_min_delta", "rate_limit.min_delta"),
        json::also("rate_limit_min_delta", "rotation.rate_limit.min_delta"),
        json::about("rate_limit_max_rpm", "requests to one model in a minute; 0: any number"),
        json::range("rate_limit_max_rpm", 0, 100000),
        json::also("rate_limit_max_rpm", "rate_limit.max_rpm"),
        json::also("rate_limit_max_rpm", "rotation.rate_limit.max_rpm"),
        json::about("rate_limit_action", "what happens to a request when all models have had theirs"),
        json::also("rate_limit_action", "rate_limit.action"),
        json::also("rate_limit_action", "rotation.rate_limit.action"),
        json::about("budget", "what requests through the pool may cost"),
        json::about("on_budget_exceeded", "whether a request fails or goes to the next model"),
        json::about("streaming", "what becomes of streams that break off"),
        json::about("retry", "whom a request asks after a failure, how often, and after which pause"),
        json::also("retry", "rotation.retry"),
        json::about("error_codes", "HTTP statuses that count against a model's health"),
        json::also("error_codes", "deactivation.error_codes"),
        json::also("error_codes", "rotation.deactivation.error_codes"),
        json::about("provider_deactivation", "what takes all models of a provider out of service"),
        json::about("provider_recovery", "how they come back: by a request that succeeds, or only by hand"),
        json::about("provider_outage", "what an outage of a provider is"),
        json::about("rotate_on_content_filter", "whether others are asked for what one model refuses"),
        json::about("hedging", "a second attempt beside one that takes unusually long"),
    };
};

/// What a model can be asked for; absent: not known, and then it is asked.
struct model_features {
    std::optional<bool> tool_calling{};
    std::optional<bool> structured_output{}; ///< a reply that follows a JSON Schema
    std::optional<bool> json_mode{};         ///< a reply that is some JSON
    std::optional<bool> system_prompt{};
    std::optional<bool> grounding{}; ///< answers from a search of its own
    std::optional<bool> logprobs{};
    std::optional<bool> vision{}; ///< pictures in what it is asked
    std::optional<bool> audio_input{};
    std::optional<bool> streaming{};

    static constexpr json::field_rule json_fields[] = {
        json::about("tool_calling", "whether requests with tools may go to it"),
        json::about("structured_output", "whether it can follow a JSON Schema"),
        json::about("json_mode", "whether it can be told to answer in JSON"),
        json::about("system_prompt", "whether it takes a system prompt"),
        json::about("grounding", "whether it can search the web for its answer"),
        json::about("logprobs", "whether it tells log probabilities"),
        json::about("vision", "whether it takes pictures"),
        json::about("audio_input", "whether it takes sound"),
        json::about("streaming", "whether it can stream its reply"),
    };
};

/// What a model takes at most; absent: what the library knows of it, if anything.
struct model_constraints {
    std::optional<std::int64_t> context_window{};    ///< tokens of request and reply together
    std::optional<std::int64_t> max_output_tokens{}; ///< of a reply
    std::optional<unsigned> max_images{};            ///< in one request

    static constexpr json::field_rule json_fields[] = {
        json::about("context_window", "tokens of request and reply together"),
        json::range("context_window", 1, 1e12),
        json::about("max_output_tokens", "tokens of a reply"),
        json::range("max_output_tokens", 1, 1e12),
        json::about("max_images", "pictures in one request"),
    };
};

/// The most that a model does by way of answering.
enum class delivery_mode : unsigned char {
    sync,      ///< whole replies
    streaming, ///< whole replies and streams
    batch,     ///< neither: it is for batches only
};

/// How a model answers; absent: in every way.
struct model_delivery {
    std::optional<bool> synchronous{}; ///< whole replies
    std::optional<bool> streaming{};
    std::optional<bool> batch{};         ///< batches of requests, see batches::resource::submit
    std::optional<delivery_mode> mode{}; ///< for the first two where they are absent

    static constexpr json::field_rule json_fields[] = {
        json::about("synchronous", "whether it gives whole replies"),
        json::about("streaming", "whether it gives streams"),
        json::about("batch", "whether it takes batches"),
        json::about("mode", "the most that it does: sync, streaming (and sync), or batch alone"),
        json::also("mode", json::itself),
    };
};

/// What is set for one model, by its id. With a provider the entry is a model of it, and the provider's server is
/// not asked which it has; without one it is about a model that a provider has, `<provider>.<vendor's name>`.
struct model_config {
    std::string provider{}; ///< name of the provider
    /// The vendor's name. Empty: the id, without the provider's or the vendor's name and a dot before it.
    std::string model{};
    std::vector<std::string> capabilities{}; ///< empty: as its provider says
    model_features features{};
    model_constraints constraints{};
    model_delivery delivery{};
    maintenance_config maintenance_window{}; ///< in every pool
    budget_config budget{};
    pricing_config pricing{};       ///< before that of its provider
    rate_limit_config rate_limit{}; ///< besides that of its provider

    static constexpr json::field_rule json_fields[] = {
        json::about("provider", "name or connector id of the provider that serves it"),
        json::about("model", "the vendor's name, where the id does not have it"),
        json::about("capabilities", "what it can do, in any spelling"),
        json::about("features", "what it can be asked for"),
        json::about("constraints", "what it takes at most"),
        json::about("delivery", "how it answers"),
        json::about("maintenance_window", "when it is not asked"),
        json::about("budget", "what it may cost"),
        json::about("pricing", "what it costs"),
        json::about("rate_limit", "what it is asked for in a minute"),
    };
};

/// When what a client knows is written to its storage.
enum class sync_policy : unsigned char {
    in_memory,        ///< never: nothing is kept, and nothing is read
    sync_on_boundary, ///< when the client ends, and in client::flush
    periodic,         ///< every `sync_interval`, and as before
    immediate,        ///< after every change, as soon as the storage is free, and as before
};

/// Where a client keeps what outlives the program: what was spent, what was used, which models are out of service.
/// With every policy but in_memory, what was spent is not forgotten when the program is killed: a little more than was
/// told may be counted then, and never less (src/persistence/DESIGN.md has the bound). With immediate it is exact, and
/// each call waits for the storage before it completes.
struct storage_config {
    /// Id of a storage connector: `modelmesh.sqlite.v1`, `modelmesh.memory.v1` or one of the program's own
    /// (connector::registry::add_storage). Empty: none, and nothing is kept.
    std::string connector{};
    /// The connector's options as one JSON object, in the words of a file: `{"path": "mesh.db"}`.
    json::raw options{};
    /// In place of a connector: one that the program made. Shared with the client, which uses it from one thread at a
    /// time, at last when its last copy ends.
    std::shared_ptr<connector::storage> instance{};
    /// Left out: periodic.
    std::optional<modelmesh::sync_policy> sync_policy{};
    std::chrono::seconds sync_interval{300}; ///< of sync_policy::periodic; at least a second

    static constexpr json::field_rule json_fields[] = {
        json::about("connector", "id of a storage connector"),
        json::about("options", "the connector's options; they may stand beside these keys, too"),
        json::also("options", "config"),
        json::about("sync_policy", "when what the client knows is written; left out: periodic"),
        json::also("sync_policy", "persistence.sync_policy"),
        json::about("sync_interval", "of periodic"),
        json::also("sync_interval", "persistence.sync_interval"),
        json::range("sync_interval", 1, 1e9),
    };
};

/// Who says which models a provider has that is configured without any. Without a connector its server is asked, once.
struct discovery_config {
    /// Id of a discovery connector: `modelmesh.registry-sync.v1` or one of the program's own
    /// (connector::registry::add_discovery).
    std::string connector{};
    /// The connector's options as one JSON object, in the words of a file: `{"exclude": ["*-preview"]}`.
    json::raw options{};
    /// In place of a connector: one that the program made. Shared with the client.
    std::shared_ptr<connector::discovery> instance{};
    /// How old lists may become: the first call after that has the connector asked anew, and does not wait for it.
    /// 0: any age.
    std::chrono::seconds sync_interval{3600};

    static constexpr json::field_rule json_fields[] = {
        json::about("connector", "id of a discovery connector"),
        json::about("options", "the connector's options; they may stand beside these keys, too"),
        json::also("options", "config"),
        json::about("sync_interval", "how old lists of models may become; 0: any age"),
        json::also("sync_interval", "sync.interval"),
        json::range("sync_interval", 0, 1e9),
    };
};

/// Where events go: to one sink.
struct sink_config {
    /// Id of a sink: `modelmesh.console.v1`, `modelmesh.json-log.v1`, `modelmesh.null.v1`, their short names (`console`)
    /// or one of the program's own (connector::registry::add_sink).
    std::string connector{};
    /// The connector's options as one JSON object, in the words of a file: `{"path": "events.jsonl"}`.
    json::raw options{};
    /// In place of a connector: one that the program made, such as make_callback_sink(). Shared with the client, which
    /// uses it from one thread at a time.
    std::shared_ptr<connector::event_sink> instance{};
    std::optional<severity> min_severity{}; ///< absent: as observability_config says
    /// Names of events, `request.routed` or `request_routed`, and of groups of them, `rotation`
    /// (<modelmesh/core/events.hpp>). Empty: as observability_config says.
    std::vector<std::string> events{};

    static constexpr json::field_rule json_fields[] = {
        json::about("connector", "id of a sink"),
        json::also("connector", json::itself),
        json::about("options", "the connector's options; they may stand beside these keys, too"),
        json::also("options", "config"),
        json::about("min_severity", "events below it are not for this sink"),
        json::about("events", "names of events or of groups; left out: as event_filter says"),
        json::also("events", "filter"),
    };
};

/// Where the log of requests goes, one event `request.log` for each call, and how much is in it.
struct logging_config {
    std::string
        connector{}; ///< as in sink_config; empty, and no instance: to each of observability_config::sinks
    json::raw options{};
    std::shared_ptr<connector::event_sink> instance{};
    log_detail level{log_detail::metadata};
    std::uint64_t max_payload_size{4096}; ///< bytes of each payload, with log_detail::full
    /// Secrets are taken out of all that sinks get. It cannot be switched off: false is refused.
    bool redact_secrets{true};

    static constexpr json::field_rule json_fields[] = {
        json::about("connector", "id of a sink; left out: all sinks"),
        json::about("options", "the connector's options; they may stand beside these keys, too"),
        json::also("options", "config"),
        json::about("level", "how much of a call is told: metadata, summary, or full with what was said"),
        json::about("max_payload_size", "of each payload, with level full"),
        json::measured("max_payload_size", json::measure::bytes),
        json::range("max_payload_size", 0, 65536),
        json::about("redact_secrets", "true: secrets are always taken out"),
        json::also("redact_secrets", "redact"),
    };
};

/// Who is told what happens.
struct observability_config {
    std::vector<sink_config> sinks{};
    std::string connector{};                 ///< one more sink, in short: its id,
    json::raw options{};                     ///< and its options
    std::vector<logging_config> logging{};   ///< empty: no request is logged
    severity min_severity{severity::info};   ///< of sinks that say nothing of their own, as the next
    std::vector<std::string> event_filter{}; ///< empty: everything
    /// Names whose values are secret, besides `api_key`, `password` and the like, and values that are secret, besides
    /// the keys of the providers and what came from a secret store.
    std::vector<std::string> redact_names{};
    std::vector<std::string> redact_values{};

    static constexpr json::field_rule json_fields[] = {
        json::about("sinks", "where events go"),
        json::also("sinks", "routing"),
        json::about("connector", "id of one more sink"),
        json::about("options", "its options; they may stand beside these keys, too"),
        json::also("options", "config"),
        json::about("logging", "the log of requests"),
        json::about("min_severity", "of sinks that say nothing of their own"),
        json::also("min_severity", "tracing.min_severity"),
        json::about("event_filter", "names of events or of groups, of sinks that say nothing of their own"),
        json::also("event_filter", "events.filter"),
        json::about("redact_names", "names whose values are taken out, besides api_key and the like"),
        json::also("redact_names", "redact.names"),
        json::about("redact_values", "values that are taken out, besides those known to be secret"),
        json::secret("redact_values"),
        json::also("redact_values", "redact.values"),
    };
};

/// One middleware that ships, or one that the program has registered (connector::registry::add_middleware).
struct middleware_config {
    /// `modelmesh.request-log.v1`, `modelmesh.correlation.v1`, `modelmesh.response-cache.v1`, `modelmesh.rate-limit.v1`,
    /// `modelmesh.concurrency-limit.v1`, `modelmesh.redaction.v1`, or their short names (`rate-limit`).
    std::string connector{};
    json::raw options{}; ///< as of other connectors

    static constexpr json::field_rule json_fields[] = {
        json::about("connector", "id of a middleware"),
        json::also("connector", json::itself),
        json::about("options", "its options; they may stand beside these keys, too"),
        json::also("options", "config"),
    };
};

struct config {
    named<provider_config> providers{};
    named<pool_config> pools{};
    named<model_config> models{}; ///< what is not here is as its provider says
    /// Whether a request may name a model instead of a pool or a capability.
    bool allow_direct_models{true};
    budget_config budget{}; ///< of all calls together
    /// Of days and months, for all budgets, quota windows and client::usage(): `UTC`, a name of the IANA database that
    /// the machine has (`Europe/Berlin`), or an offset (`+02:00`). Some days then have 23 or 25 hours.
    std::string time_zone{"UTC"};
    unknown_price_action unknown_price{unknown_price_action::reject};
    pricing_config assumed_pricing{}; ///< with unknown_price_action::assume
    storage_config storage{};
    discovery_config discovery{};
    observability_config observability{};
    /// Around every call, the outermost first; inside of client_options::middlewares.
    std::vector<middleware_config> middleware{};
    /// What load_config() had from a secret store; to_yaml() shows no text that has one of these in it.
    std::vector<std::string> never_shown{};

    static constexpr json::field_rule json_fields[] = {
        json::about("providers", "servers and accounts by name, in the order in which they are tried"),
        json::about("pools", "models that may answer for a capability, by name"),
        json::about("models", "single models by id: what they can do, and what they cost"),
        json::about("allow_direct_models", "whether a request may name a model"),
        json::about("budget", "what all calls together may cost"),
        json::about("time_zone", "of days and months: UTC, Europe/Berlin or +02:00"),
        json::about("unknown_price", "what a budget does with a model whose price is not known"),
        json::about("assumed_pricing", "the price of such a model, with unknown_price: assume"),
        json::about("storage", "where what the client knows outlives the program"),
        json::about("discovery", "who lists the models of providers that are configured without any"),
        json::about("observability", "who is told what happens"),
        json::about("middleware", "what is around every call, the outermost first"),
        json::also("middleware", "middlewares"),
        json::skip("never_shown"),
    };
};

} // namespace modelmesh
