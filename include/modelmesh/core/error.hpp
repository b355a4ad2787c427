// What can go wrong, as codes, as conditions, as a value (fault) and as an exception (error).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace modelmesh {

/// Kind of a failure. Stable names: `to_string(errc)` gives the text used on the wire and in logs.
enum class errc : std::uint8_t {
    config = 1,          ///< configuration or set-up is wrong; nothing was sent
    auth,                ///< the provider rejected the credentials (401)
    permission,          ///< the credentials do not allow this (403)
    not_found,           ///< no such pool, model or resource
    bad_request,         ///< the caller's request is wrong; repeating it elsewhere cannot help
    unsupported,         ///< the chosen provider cannot do what the request asks
    context_length,      ///< the request does not fit the model's window
    content_filter,      ///< refused by the provider's content policy
    rate_limit,          ///< too many requests (429); see fault::retry_after
    quota,               ///< the account has no credit or quota left
    budget,              ///< a budget of this program is used up
    timed_out,           ///< a deadline passed
    connect,             ///< no connection, or it was lost before the reply began
    overloaded,          ///< the provider says that it is overloaded (503, 529)
    upstream,            ///< the provider failed (500, 502 and the like)
    protocol,            ///< the peer broke its protocol: malformed, truncated or contradictory bytes
    canceled,            ///< the caller cancelled
    no_active_model,     ///< every model of the pool is out of service
    exhausted,           ///< every candidate was tried; see fault::attempts
    session_unavailable, ///< the session's model is gone and the pool is strict
    storage,             ///< state could not be read or written
    internal,            ///< a defect of this library
};

/// Groups of codes that callers act on; compare with `code == cond::retryable`.
enum class cond : std::uint8_t {
    retryable = 1, ///< the same call may succeed later
    timeout,       ///< a deadline passed, here or at the provider
    cancelled,     ///< the caller cancelled
    caller_fault,  ///< the request itself is wrong
};

[[nodiscard]] const std::error_category& category() noexcept;
[[nodiscard]] const std::error_category& condition_category() noexcept;
[[nodiscard]] std::error_code make_error_code(errc code) noexcept;
[[nodiscard]] std::error_condition make_error_condition(cond condition) noexcept;
[[nodiscard]] std::string_view to_string(errc code) noexcept;

/// One try at one model, kept for the error and for the trace of a reply. Holds no secret and no prompt.
struct attempt {
    std::string model;                   ///< id of the model in the configuration
    std::string provider;                ///< id of the provider in the configuration
    errc kind{};                         ///< why it failed
    int http_status = 0;                 ///< 0: no answer was received
    std::chrono::microseconds latency{}; ///< from the start of the attempt to its failure
    std::string message;                 ///< the reason, capped, without secrets
};

/// The limit of a budget that a call would have been above. Amounts are millionths of a US dollar.
struct exceeded_budget {
    std::string scope;      ///< "global", "provider", "pool" or "model"
    std::string name;       ///< of the provider, the pool or the model
    std::string limit_name; ///< "per_request_limit", "daily_limit" or "monthly_limit"
    std::int64_t limit_micro_usd = 0;
    std::int64_t spent_micro_usd = 0;    ///< in the period so far
    std::int64_t reserved_micro_usd = 0; ///< by calls under way
    std::int64_t wanted_micro_usd = 0;   ///< the most that the call was expected to cost
    /// When the period ends; not set for a limit of each request.
    std::optional<std::chrono::system_clock::time_point> resets_at;
};

/// A failure as a value: cheap to move, absent on the success path.
class fault {
public:
    fault() = default;
    fault(errc code, std::string message);

    [[nodiscard]] std::error_code code() const noexcept;
    [[nodiscard]] errc kind() const noexcept { return kind_; }

    int http_status = 0;    ///< status of the provider's answer; 0 when there was none
    std::string message;    ///< what happened, where, and what would be right
    std::string pool;       ///< pool that served the request, when one was chosen
    std::string provider;   ///< provider id, when one was chosen
    std::string model;      ///< model id, when one was chosen
    std::string request_id; ///< the provider's request id, when it sent one
    std::string param;      ///< offending request field, when known
    std::optional<std::chrono::milliseconds> retry_after; ///< how long the provider asked to wait
    bool retryable_hint = false;                          ///< set on aggregates: some attempt was retryable
    bool is_local =
        false; ///< a limit of this program ended it before the provider was asked: no word of its health
    std::vector<attempt> attempts;                 ///< every try, in order; filled by the router
    std::shared_ptr<const exceeded_budget> budget; ///< with errc::budget: which limit, when one was met

private:
    errc kind_ = errc::internal;
};

/// True when the same call may succeed later (for aggregates: when one of the attempts may).
[[nodiscard]] bool retryable(const fault& f) noexcept;

/// A failure as an exception. `code()` compares with errc and cond; `info()` has the rest.
class error : public std::system_error {
public:
    explicit error(fault f);
    /// The fault's message and a line for each attempt.
    [[nodiscard]] const char* what() const noexcept override;
    [[nodiscard]] const fault& info() const noexcept;

private:
    struct content;
    std::shared_ptr<const content> content_; // shared: exceptions are copied
};

// Hooks that boost::system::result finds by argument-dependent lookup.
[[nodiscard]] std::error_code make_error_code(const fault& f) noexcept;
[[noreturn]] void throw_exception_from_error(const fault& f, const auto& /*source location*/);
[[noreturn]] void throw_fault(fault f);

void throw_exception_from_error(const fault& f, const auto&) { throw_fault(f); }

} // namespace modelmesh

template <> struct std::is_error_code_enum<modelmesh::errc> : std::true_type {};
template <> struct std::is_error_condition_enum<modelmesh::cond> : std::true_type {};
