#include <modelmesh/middleware/limits.hpp>

#include "router/request_facts.hpp"

#include <modelmesh/connector/rate_limiter.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace modelmesh {
namespace {

constexpr double most_tokens = 1e7; ///< of one call, as a limiter demands

connector::rate_limiter limiter_of(const rate_limit_options& options) {
    connector::rate_limiter::settings with;
    with.requests_per_minute = options.requests_per_minute;
    with.tokens_per_minute = options.tokens_per_minute;
    with.burst = options.burst;
    return connector::rate_limiter(with);
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
        const time_point now = c.time().now();
        connector::rate_limiter::turn turn;
        const result<connector::rate_limiter> from = take(c, now, tokens, turn);
        if (!from) co_return from.error();
        if (turn.wait == duration::zero()) co_return result<void>();
        connector::held_turn held(*from, turn);
        const result<void> waited = co_await c.wait_until(now + turn.wait);
        if (waited) held.use();
        co_return waited;
    }

    // Under the lock. Names are what requests say, right or wrong: those that are as good as new are
    // forgotten.
    connector::rate_limiter& of(const request_context& c, time_point now) {
        constexpr std::size_t many = 1024;
        if (limits_.size() >= many)
            std::erase_if(limits_, [now](const auto& each) { return each.second.is_idle(now); });
        std::string name = options_.per_name ? c.requested_name() : std::string();
        const auto known = limits_.find(name);
        if (known != limits_.end()) return known->second;
        return limits_.emplace(std::move(name), limiter_of(options_)).first->second;
    }

    // Where the turn is from.
    result<connector::rate_limiter> take(const request_context& c, time_point now, std::int64_t tokens,
                                         connector::rate_limiter::turn& taken) {
        duration longest = c.deadline() - now - duration(1); // a turn at the deadline is too late
        if (options_.longest_wait) longest = std::min<duration>(longest, *options_.longest_wait);
        const std::lock_guard lock(mutex_);
        connector::rate_limiter& from = of(c, now);
        const result<connector::rate_limiter::turn> turn = from.take_turn(now, tokens, longest);
        if (!turn) return turn.error();
        taken = *turn;
        return from;
    }

    // A reply that nobody counted was not asked of a model: a cache gave it.
    void correct(const request_context& c, std::int64_t estimate, const modelmesh::route& by) {
        if (options_.tokens_per_minute <= 0 || !by.input_tokens || !by.output_tokens) return;
        const std::lock_guard lock(mutex_);
        of(c, c.time().now()).correct(*by.input_tokens + *by.output_tokens - estimate);
    }

    const rate_limit_options options_;
    std::mutex mutex_; ///< guards what follows
    std::map<std::string, connector::rate_limiter> limits_;
};

} // namespace

std::shared_ptr<middleware> make_rate_limit(rate_limit_options options) {
    (void)limiter_of(options); // which checks them
    return std::make_shared<rate_limit>(options);
}

} // namespace modelmesh
