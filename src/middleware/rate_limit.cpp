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

constexpr std::int64_t most_tokens = 10'000'000; ///< of one call, as a limiter demands

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
        const result<admission> admitted = co_await admit(c);
        if (!admitted) co_return admitted.error();
        result<whole_reply> reply = co_await inner();
        if (reply) settle(c, *admitted, reply->route);
        co_return reply;
    }

    [[nodiscard]] task<result<streamed_reply>> handle_stream(request_context& c, stream_next inner) override {
        result<admission> admitted = co_await admit(c);
        if (!admitted) co_return admitted.error();
        result<streamed_reply> reply = co_await inner();
        if (reply && options_.tokens_per_minute > 0)
            reply->watch(*this, std::make_unique<counter>(c, std::move(*admitted)));
        co_return reply;
    }

private:
    struct admission {
        std::shared_ptr<connector::rate_limiter> by;
        connector::rate_limiter::turn turn;
    };
    class counter final : public stream_watcher {
    public:
        counter(request_context& c, admission of) noexcept : call_(&c), of_(std::move(of)) {}
        [[nodiscard]] bool sees_chunks() const noexcept override { return false; }
        void on_end(const stream_end& how) override { settle(*call_, of_, how.served); }

    private:
        request_context* call_;
        admission of_;
    };

    [[nodiscard]] static std::int64_t estimated(const request_context& c) {
        const connector::rotation_request facts = router::facts_of(c.request());
        return static_cast<std::int64_t>(
            std::min<double>(facts.prompt_tokens + facts.output_tokens, most_tokens));
    }

    // The reference is the call's, as in the two above.
    [[nodiscard]] task<result<admission>> admit(request_context& c) {
        const time_point now = c.time().now();
        const result<admission> taken = take(c, now);
        if (!taken || taken->turn.wait == duration::zero()) co_return taken;
        connector::held_turn until_used(*taken->by, taken->turn);
        const result<void> waited = co_await c.wait_until(now + taken->turn.wait);
        if (!waited) co_return waited.error();
        until_used.use();
        co_return taken;
    }

    // Under the lock. Names are what requests say, right or wrong: those that are as good as new are forgotten, but
    // not one that a call still has to settle with.
    const std::shared_ptr<connector::rate_limiter>& limiter_for(const request_context& c, time_point now) {
        if (limits_.size() >= many_) {
            std::erase_if(limits_, [now](const auto& each) {
                return each.second.use_count() == 1 && each.second->is_idle(now);
            });
            many_ = std::max(limits_.size() * 2, least_many);
        }
        std::string name = options_.per_name ? c.requested_name() : std::string();
        const auto known = limits_.find(name);
        if (known != limits_.end()) return known->second;
        auto made = std::make_shared<connector::rate_limiter>(limiter_of(options_));
        return limits_.emplace(std::move(name), std::move(made)).first->second;
    }

    result<admission> take(const request_context& c, time_point now) {
        duration longest = c.deadline() - now - duration(1); // a turn at the deadline is too late
        if (options_.longest_wait) longest = std::min<duration>(longest, *options_.longest_wait);
        const std::lock_guard lock(mutex_);
        const std::shared_ptr<connector::rate_limiter>& by = limiter_for(c, now);
        const result<connector::rate_limiter::turn> turn = by->take_turn(now, estimated(c), longest);
        if (!turn) return turn.error();
        return admission{by, *turn};
    }

    // A reply that nobody counted was not asked of a model: a cache gave it. A server may say any number.
    static void settle(const request_context& c, const admission& of, const modelmesh::route& by) {
        if (!by.input_tokens || !by.output_tokens) return;
        const std::int64_t input = std::clamp<std::int64_t>(*by.input_tokens, 0, most_tokens);
        const std::int64_t output = std::clamp<std::int64_t>(*by.output_tokens, 0, most_tokens);
        of.by->settle(of.turn, input + output, c.time().now());
    }

    static constexpr std::size_t least_many = 1024;

    const rate_limit_options options_;
    std::mutex mutex_; ///< guards what follows
    std::map<std::string, std::shared_ptr<connector::rate_limiter>> limits_;
    std::size_t many_ = least_many; ///< when to look for those that can be forgotten
};

} // namespace

std::shared_ptr<middleware> make_rate_limit(rate_limit_options options) {
    (void)limiter_of(options); // which checks them
    return std::make_shared<rate_limit>(options);
}

} // namespace modelmesh
