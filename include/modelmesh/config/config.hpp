// The configuration of a client as one value, whatever it was written in. Files, the dump of a configuration and
// its JSON Schema come from these types: a new member is a new key, and its rules say what else a file may do.
#pragma once

#include <modelmesh/connector/rotation.hpp>
#include <modelmesh/connector/storage.hpp>
#include <modelmesh/json/fields.hpp>
#include <modelmesh/json/types.hpp>
#include <modelmesh/router/streaming.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh {

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
/// does not have it: where requests say `max_tokens`, more of them fit. Days and months are those of UTC.
struct budget_config {
    std::optional<double> per_request_limit{};
    std::optional<double> daily_limit{};
    std::optional<double> monthly_limit{};
    /// Shares of a limit, above 0 and at most 1, at which the log gets `budget.alert`, once in a period each.
    std::vector<double> alert_thresholds{0.5, 0.8, 1};
    bool enforce{true}; ///< false: nothing is refused

    static constexpr json::field_rule json_fields[] = {
        json::about("per_request_limit", "US dollars that one request may cost"),
        json::about("daily_limit", "US dollars of a day, in UTC"),
        json::about("monthly_limit", "US dollars of a month, in UTC"),
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

/// One provider: a server, an account on it, and the connector that speaks its format.
struct provider_config {
    std::string connector{}; ///< connector id, for example `openai.llm.v1`
    bool enabled{true};      ///< false: as if it were not there
    /// Up to and with the version, for example `https://api.openai.com/v1`; empty: the connector's own.
    std::string base_url{};
    std::string api_key{}; ///< empty when none is needed; never printed
    /// Vendor's names; empty: the server is asked before the first request.
    std::vector<std::string> models{};
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
    budget_config budget{};
    pricing_config pricing{}; ///< of all its models

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
        json::about("tls", "how the server's certificate is checked, and which one of ours it is shown"),
        json::about("proxy", "http://[user:password@]host:port of an HTTP proxy, or none"),
        json::secret("proxy"),
        json::about("http", "which HTTP it is spoken to in"),
        json::about("budget", "what its models may cost"),
        json::about("pricing", "what its models cost, where the list prices are not right"),
        json::about("pipeline_depth", "calls that may be under way on one HTTP/1.1 connection"),
        json::range("pipeline_depth", 1, 1000),
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

/// One pool: the models that may answer for a capability. With no providers listed, all of them.
struct pool_config {
    std::string capability{};             ///< any spelling that capability::canonical accepts
    std::vector<std::string> providers{}; ///< provider names; empty means all
    unsigned failure_threshold{3};        ///< failures in a row that take a model out of service
    /// How long it stays out the first time. Each further time in a row is twice as long, up to 15 minutes.
    unsigned cooldown_seconds{60};
    /// Share of failures among the last 32 outcomes that takes a model out of service as well; above 1: none does.
    double error_rate_threshold{0.5};

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
    /// Share of a provider's limit from which on rate-limit-aware prefers other models.
    double rate_limit_threshold{0.8};
    budget_config budget{};
    budget_action on_budget_exceeded{budget_action::error};
    streaming_config streaming{};

    static constexpr json::field_rule json_fields[] = {
        json::about("capability", "what its models can do, in any spelling; the pool's name when left out"),
        json::also("capability", "hierarchy_node"),
        json::about("providers", "names or connector ids of providers; left out: all"),
        json::also("providers", "allowed_providers"),
        json::about("failure_threshold", "failures in a row that take a model out of service"),
        json::range("failure_threshold", 1, 4095),
        json::also("failure_threshold", "deactivation.retry_limit"),
        json::also("failure_threshold", "rotation.deactivation.retry_limit"),
        json::about("cooldown_seconds",
                    "how long a model stays out of service; twice as long each further time"),
        json::measured("cooldown_seconds", json::measure::seconds),
        json::also("cooldown_seconds", "recovery.cooldown"),
        json::also("cooldown_seconds", "rotation.recovery.cooldown"),
        json::about("error_rate_threshold", "share of failures that takes a model out of service, too"),
        json::also("error_rate_threshold", "deactivation.error_rate_threshold"),
        json::also("error_rate_threshold", "rotation.deactivation.error_rate_threshold"),
        json::about("strategy", "rotation policy: which model gets a request"),
        json::also("strategy", "rotation.policy"),
        json::about("model_priority", "models in the order of preference"),
        json::about("provider_priority", "providers in the order of preference, for the other models"),
        json::about("fallback_strategy", "policy for the models without a priority, or error"),
        json::about("model_weights", "shares of the requests, by model"),
        json::about("balance_mode", "what load-balanced weighs: the rest of a limit, or its share"),
        json::about("latency_window", "replies that latency-first takes the mean of"),
        json::about("affinity_mode", "whether a session may move to another model"),
        json::about("rate_limit_threshold", "share of a limit from which on other models are preferred"),
        json::also("rate_limit_threshold", "rate_limit.threshold"),
        json::also("rate_limit_threshold", "rotation.rate_limit.threshold"),
        json::about("budget", "what requests through the pool may cost"),
        json::about("on_budget_exceeded", "whether a request fails or goes to the next model"),
        json::about("streaming", "what becomes of streams that break off"),
    };
};

/// What is set for one model, by its id, `<provider>.<vendor's name>`.
struct model_config {
    budget_config budget{};
    pricing_config pricing{}; ///< before that of its provider
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

struct config {
    named<provider_config> providers{};
    named<pool_config> pools{};
    named<model_config> models{}; ///< what is not here is as its provider says
    budget_config budget{};       ///< of all calls together
    unknown_price_action unknown_price{unknown_price_action::reject};
    pricing_config assumed_pricing{}; ///< with unknown_price_action::assume
    storage_config storage{};
    /// What load_config() had from a secret store; to_yaml() shows no text that has one of these in it.
    std::vector<std::string> never_shown{};

    static constexpr json::field_rule json_fields[] = {
        json::about("providers", "servers and accounts by name, in the order in which they are tried"),
        json::about("pools", "models that may answer for a capability, by name"),
        json::about("models", "budgets and prices of single models, by provider.model"),
        json::about("budget", "what all calls together may cost"),
        json::about("unknown_price", "what a budget does with a model whose price is not known"),
        json::about("assumed_pricing", "the price of such a model, with unknown_price: assume"),
        json::about("storage", "where what the client knows outlives the program"),
        json::skip("never_shown"),
    };
};

} // namespace modelmesh
