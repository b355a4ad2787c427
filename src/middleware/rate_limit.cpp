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
        const result<held> turn = co_await admit(c);
        if (!turn) co_return turn.error();
        result<whole_reply> reply = co_await inner();
        if (reply) settle(c, *turn, reply->route);
        co_return reply;
    }

    [[nodiscard]] task<result<streamed_reply>> handle_stream(request_context& c, stream_next inner) override {
        result<held> turn = co_await admit(c);
        if (!turn) co_return turn.error();
        result<streamed_reply> reply = co_await inner();
        if (reply && options_.tokens_per_minute > 0)
            reply->watch(*this, std::make_unique<counter>(c, std::move(*turn)));
        co_return reply;
    }

private:
    struct held {
        connector::rate_limiter of;
        connector::rate_limiter::turn turn;
    };
    class counter final : public stream_watcher {
    public:
        counter(request_context& c, held turn) noexcept : call_(&c), turn_(std::move(turn)) {}
        [[nodiscard]] bool sees_chunks() const noexcept override { return false; }
        void on_end(const stream_end& how) override { settle(*call_, turn_, how.served); }

    private:
        request_context* call_;
        held turn_;
    };

    [[nodiscard]] static std::int64_t estimated(const request_context& c) {
        const connector::rotation_request facts = router::facts_of(c.request());
        return static_cast<std::int64_t>(std::min(facts.prompt_tokens + facts.output_tokens, most_tokens));
    }

    // The reference is the call's, as in the two above.
    [[nodiscard]] task<result<held>> admit(request_context& c) {
        const time_point now = c.time().now();
        const result<held> taken = take(c, now);
        if (!taken || taken->turn.wait == duration::zero()) co_return taken;
        connector::held_turn until_used(taken->of, taken->turn);
        const result<void> waited = co_await c.wait_until(now + taken->turn.wait);
        if (!waited) co_return waited.error();
        until_used.use();
        co_return taken;
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

    result<held> take(const request_context& c, time_point now) {
        duration longest = c.deadline() - now - duration(1); // a turn at the deadline is too late
        if (options_.longest_wait) longest = std::min<duration>(longest, *options_.longest_wait);
        const std::lock_guard lock(mutex_);
        connector::rate_limiter& from = of(c, now);
        const result<connector::rate_limiter::turn> turn = from.take_turn(now, estimated(c), longest);
        if (!turn) return turn.error();
        return held{from, *turn};
    }

    // A reply that nobody counted was not asked of a model: a cache gave it.
    static void settle(const request_context& c, const held& taken, const modelmesh::route& by) {
        if (!by.input_tokens || !by.output_tokens) return;
        connector::rate_limiter(taken.of).settle(taken.turn, *by.input_tokens + *by.output_tokens,
                                                 c.time().now());
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
