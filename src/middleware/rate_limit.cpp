#include <modelmesh/middleware/limits.hpp>

#include "middleware/gcra.hpp"
#include "router/request_facts.hpp"

#include <cmath>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace modelmesh {
namespace {

constexpr duration minute = std::chrono::minutes(1);
constexpr double most_tokens =
    1e7; ///< of one call: times the longest interval, a minute, that is some centuries

duration interval_of(double per_minute) {
    return duration(static_cast<duration::rep>(static_cast<double>(minute.count()) / per_minute));
}

class rate_limit final : public middleware {
public:
    explicit rate_limit(const rate_limit_options& options) : options_(options) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "rate_limit"; }

    [[nodiscard]] task<result<whole_reply>> handle(request_context& c, reply_next inner) override {
        const std::int64_t estimate = estimated(c);
        const result<void> admitted = co_await admit(c, estimate);
        if (!admitted) co_return admitted.error();
        result<whole_reply> reply = co_await inner();
        if (reply) correct(c, estimate, reply->route);
        co_return reply;
    }

    [[nodiscard]] task<result<streamed_reply>> handle_stream(request_context& c, stream_next inner) override {
        const std::int64_t estimate = estimated(c);
        const result<void> admitted = co_await admit(c, estimate);
        if (!admitted) co_return admitted.error();
        result<streamed_reply> reply = co_await inner();
        if (reply && options_.tokens_per_minute > 0)
            reply->watch(*this, std::make_unique<counter>(*this, c, estimate));
        co_return reply;
    }

private:
    struct limits {
        detail::gcra requests;
        detail::gcra tokens;
    };

    class counter final : public stream_watcher {
    public:
        counter(rate_limit& of, request_context& c, std::int64_t estimate) noexcept
            : of_(&of), call_(&c), estimate_(estimate) {}
        [[nodiscard]] bool sees_chunks() const noexcept override { return false; }
        void on_end(const stream_end& how) override { of_->correct(*call_, estimate_, how.served); }

    private:
        rate_limit* of_;
        request_context* call_;
        std::int64_t estimate_;
    };

    [[nodiscard]] static std::int64_t estimated(const request_context& c) {
        const connector::rotation_request facts = router::facts_of(c.request());
        return static_cast<std::int64_t>(std::min(facts.prompt_tokens + facts.output_tokens, most_tokens));
    }

    // The reference is the call's, as in the two above.
    [[nodiscard]] task<result<void>> admit(request_context& c, std::int64_t tokens) {
        const result<duration> wait = take(c, tokens);
        if (!wait) co_return wait.error();
        if (*wait == duration::zero()) co_return result<void>();
        co_return co_await c.wait_until(c.time().now() + *wait);
    }

    [[nodiscard]] limits fresh() const {
        const auto limited = [this](double per_minute) {
            if (per_minute <= 0) return detail::gcra(duration::zero(), duration::zero());
            const duration each = interval_of(per_minute);
            return detail::gcra(each, std::max<duration>(each, options_.burst));
        };
        return {limited(options_.requests_per_minute), limited(options_.tokens_per_minute)};
    }

    // Under the lock. Names are what requests say, right or wrong: those that are as good as new are
    // forgotten.
    limits& of(const request_context& c, time_point now) {
        constexpr std::size_t many = 1024;
        if (limits_.size() >= many)
            std::erase_if(limits_, [now](const auto& each) {
                return each.second.requests.is_idle(now) && each.second.tokens.is_idle(now);
            });
        return limits_.try_emplace(options_.per_name ? c.requested_name() : std::string(), fresh())
            .first->second;
    }

    result<duration> take(const request_context& c, std::int64_t tokens) {
        const time_point now = c.time().now();
        const std::lock_guard lock(mutex_);
        limits& its = of(c, now);
        const duration for_requests = its.requests.wait(now, 1);
        const duration for_tokens = its.tokens.wait(now, tokens);
        const duration wait = std::max(for_requests, for_tokens);
        const bool is_too_long =
            wait >= c.deadline() - now || (options_.longest_wait && wait > *options_.longest_wait);
        if (wait > duration::zero() && is_too_long)
            return refused(wait, for_requests >= for_tokens ? "requests" : "tokens");
        its.requests.take(now, 1);
        its.tokens.take(now, tokens);
        return wait;
    }

    static fault refused(duration wait, const char* of_what) {
        fault f(errc::rate_limit, std::string("this program's own limit of ") + of_what + " per minute");
        f.retry_after = std::chrono::ceil<std::chrono::milliseconds>(wait);
        return f;
    }

    // A reply that nobody counted was not asked of a model: a cache gave it.
    void correct(const request_context& c, std::int64_t estimate, const modelmesh::route& by) {
        if (options_.tokens_per_minute <= 0 || !by.input_tokens || !by.output_tokens) return;
        const std::lock_guard lock(mutex_);
        of(c, c.time().now()).tokens.correct(*by.input_tokens + *by.output_tokens - estimate);
    }

    const rate_limit_options options_;
    std::mutex mutex_; ///< guards what follows
    std::map<std::string, limits> limits_;
};

} // namespace

std::shared_ptr<middleware> make_rate_limit(rate_limit_options options) {
    for (const double each : {options.requests_per_minute, options.tokens_per_minute})
        if (!std::isfinite(each) || (each != 0 && each < 1))
            throw std::invalid_argument("rate_limit_options: a limit is neither 0 nor at least 1");
    if (options.burst <= std::chrono::seconds::zero())
        throw std::invalid_argument("rate_limit_options::burst is not above 0");
    return std::make_shared<rate_limit>(options);
}

} // namespace modelmesh
