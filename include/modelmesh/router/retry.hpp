// What follows a failure: whom a request asks again, how often and when, and what becomes of the provider.
#pragma once

#include <modelmesh/json/fields.hpp>

#include <chrono>
#include <cstdint>
#include <vector>

namespace modelmesh {

/// How long a call waits before it asks a model again.
enum class backoff_kind : std::uint8_t {
    exponential_jitter, ///< up to initial_delay, then up to twice as long each time, by chance (full jitter)
    fixed,              ///< initial_delay
    retry_after,        ///< as long as the provider said, or else initial_delay
};

/// Whom a call asks first after a failure that another try may repair.
enum class retry_scope : std::uint8_t {
    any,           ///< a model that it has not asked, at once; those that it has asked when none is left
    same_provider, ///< the same, but the other models of the same provider first
    same_model,    ///< the same model after a pause, as often as it may; then the others
};

/// A model is asked again after a failure that may pass: once after a lost connection, silence, an overloaded server or
/// a broken answer, twice after an error of the server, and after a rate limit as often as `max_attempts` allows.
struct retry_config {
    /// Tries of one model in all. 1: a call asks each model once, and never waits for one that is out of service.
    unsigned max_attempts{3};
    unsigned max_total_attempts{0}; ///< of one call, at whatever models; 0: as many as there are to make
    backoff_kind backoff{backoff_kind::exponential_jitter};
    std::chrono::milliseconds initial_delay{500};
    std::chrono::milliseconds max_delay{10000};
    retry_scope scope{retry_scope::any};
    /// A model whose provider says how long to wait is not asked before; who has nobody else waits that long.
    bool honor_retry_after{true};
    std::vector<int>
        retryable_codes{}; ///< HTTP statuses that a model is asked again after, whatever they are for
    std::vector<int> non_retryable_codes{}; ///< and those that it is not
    /// Retries in all, as a share of the pool's requests; ten, and one more each second, are always allowed. First
    /// tries of other models are no retries.
    double budget_ratio{0.2};

    static constexpr json::field_rule json_fields[] = {
        json::about("max_attempts", "tries of one model in all; 1: none is asked twice"),
        json::range("max_attempts", 1, 100),
        json::about("max_total_attempts", "tries of one call in all; 0: no limit of its own"),
        json::about("backoff", "how long a call waits before it asks a model again"),
        json::about("initial_delay", "the first wait, or the longest first wait"),
        json::about("max_delay", "no wait is longer, unless the provider asks for it"),
        json::about("scope", "whom a call asks first after a failure"),
        json::about("honor_retry_after", "whether Retry-After of a provider decides"),
        json::about("retryable_codes", "HTTP statuses after which the same model is asked again"),
        json::about("non_retryable_codes", "HTTP statuses after which it is not"),
        json::about("budget_ratio", "retries as a share of the pool's requests"),
        json::range("budget_ratio", 0, 1),
    };
};

/// What takes all models of a provider out of service, in every pool.
enum class provider_trigger : std::uint8_t {
    on_auth_failure, ///< it has refused its key (401)
    on_api_outage,   ///< see outage_config
};

/// How a provider comes back into service.
enum class provider_return : std::uint8_t {
    on_probe_success, ///< after the pool's cooldown one request is sent to see whether it is back
    on_manual,        ///< when a program says so
};

/// When a provider counts as down: as soon as either number is reached within the window, with no success between.
/// Failures are lost connections, silence, overload and errors of the server.
struct outage_config {
    unsigned models{3}; ///< different ones that failed
    unsigned failures{10};
    std::chrono::milliseconds window{30000};

    static constexpr json::field_rule json_fields[] = {
        json::about("models", "different models that failed"),
        json::range("models", 1, 64),
        json::about("failures", "failures in all"),
        json::range("failures", 1, 1000000),
        json::about("window", "how long ago the first of them may be"),
    };
};

} // namespace modelmesh
