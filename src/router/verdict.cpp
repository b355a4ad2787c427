#include "router/verdict.hpp"

#include <algorithm>

namespace modelmesh::router {
namespace {

constexpr unsigned as_allowed = UINT32_MAX; // as the pool's max_attempts says

// Whether cheaper calls are not worth trying either: less than a hundredth of the limit is left. (All of it is never
// spent, as what does not fit is refused.) What a whole pool may cost takes out nobody, or it would be a pool without
// models in place of one without money.
bool is_spent(const exceeded_budget& of) noexcept {
    return (of.scope == "model" || of.scope == "provider") &&
           of.spent_micro_usd >= of.limit_micro_usd - of.limit_micro_usd / 100;
}

verdict by_kind(const pool& in, const fault& f) noexcept {
    switch (f.kind()) {
    // The caller's own fault: no model can help, and no model is to blame.
    case errc::bad_request:
    case errc::canceled:
        return {rotation::none, 0, blame::nobody};
    case errc::context_length:
        return {rotation::larger, 0, blame::nobody};
    case errc::content_filter:
        return {in.rotates_on_content_filter ? rotation::any : rotation::none, 0, blame::nobody};
    // Told by the program's own ledger, not by the model. One without a price is no matter of what is left to spend.
    // What is used up stays so until the period ends, and the next request had better begin elsewhere.
    case errc::budget: {
        if (!f.budget) return {rotation::any, 0, blame::nobody};
        if (!in.rotates_on_budget) return {rotation::none, 0, blame::nobody};
        if (!f.budget->resets_at) return {rotation::any, 0, blame::nobody};
        return {rotation::any, 0, is_spent(*f.budget) ? blame::allowance : blame::position};
    }
    // This vendor cannot do it, another may.
    case errc::unsupported:
        return {rotation::any, 0, blame::nobody};
    // A defect of one connector, which something odd in this request may have brought to light.
    case errc::internal:
        return {rotation::any, 0, blame::position};
    case errc::rate_limit:
        return {rotation::any, as_allowed, blame::health};
    case errc::timed_out:
    case errc::connect:
    case errc::protocol:
        return {rotation::any, 1, blame::health};
    case errc::overloaded:
        return {rotation::any, 1, blame::overload};
    case errc::upstream:
        return {rotation::any, 2, blame::health};
    case errc::not_found:
        return {rotation::any, 0, blame::absence};
    case errc::quota:
        return {rotation::any, 0, blame::account};
    case errc::auth:
        return {rotation::any, 0, in.providers.on_auth_failure ? blame::provider : blame::health};
    // What is wrong with one provider's key or settings is not wrong with the others'.
    default:
        return {rotation::any, 0, blame::health};
    }
}

bool has(const std::vector<int>& codes, int status) noexcept {
    return std::find(codes.begin(), codes.end(), status) != codes.end();
}

} // namespace

verdict judge(const pool& in, const provider_entry& by, const fault& f) noexcept {
    // This program lets no more through there at a time: the next request had better begin elsewhere.
    if (f.is_local) return {rotation::any, 0, blame::position};
    verdict v = by_kind(in, f);
    v.repeats = std::min(v.repeats, by.max_retries);
    if (f.http_status == 0) return v;
    // What is said of the provider itself comes before what is said of all.
    const bool is_said = has(by.retryable_codes, f.http_status) || has(by.non_retryable_codes, f.http_status);
    if (has(is_said ? by.retryable_codes : in.retry.retryable_codes, f.http_status)) {
        v.repeats = by.max_retries; // and as the pool's max_attempts says
        v.rotates = rotation::any;
    }
    if (has(is_said ? by.non_retryable_codes : in.retry.non_retryable_codes, f.http_status)) v.repeats = 0;
    const bool is_models = v.whose >= blame::overload && v.whose < blame::account;
    if (!in.error_codes.empty() && is_models && !has(in.error_codes, f.http_status))
        v.whose = blame::position;
    return v;
}

} // namespace modelmesh::router
