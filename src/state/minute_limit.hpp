// How much a program itself lets through in a minute: to one model, or with one key, through whatever pool.
#pragma once

#include <modelmesh/connector/rate_limiter.hpp>
#include <modelmesh/core/clock.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

namespace modelmesh::state {

struct minute_rule {
    std::int64_t requests = 0; ///< 0: any number, as the next
    std::int64_t tokens = 0;

    [[nodiscard]] bool any() const noexcept { return requests != 0 || tokens != 0; }
    friend bool operator==(const minute_rule&, const minute_rule&) = default;
};

/// A gcra for all threads. Any may take and read; the moment is changed by compare-and-swap. Relaxed: no other data
/// hangs on it. What is given back is counted twice, before the moment moves and after it, and both counts only grow:
/// who takes reads the later one, who settles the earlier one, so that between the two a turn never seems to have moved
/// less than it has. The release of returned_ pairs with the acquire in take(): who sees it there sees the moment moved.
class shared_gcra {
public:
    using piece = connector::gcra::piece;

    explicit shared_gcra(std::int64_t per_minute) noexcept
        : limit_(connector::gcra::per_minute(static_cast<double>(per_minute), burst)),
          is_any_(per_minute != 0) {}

    /// From when on a unit may pass.
    [[nodiscard]] time_point free_at() const noexcept {
        return is_any_ ? load().free_at() : time_point::min();
    }

    /// Takes units when one may pass, however many they are; the next ones wait for all of them. False: it is too early.
    /// @param is_forced  they pass all the same. What is owed is never more than a minute: behind that, providers have
    ///                   forgotten it, too.
    bool take(time_point now, std::int64_t units, bool is_forced, piece& taken) noexcept {
        if (!is_any_) return true;
        const duration moved(returned_.load(std::memory_order_acquire));
        const bool is_taken = change([&](connector::gcra& at) {
            if (!is_forced && now < at.free_at()) return false;
            taken = at.take(now, units, latest(now));
            return true;
        });
        taken.moved = moved;
        return is_taken;
    }
    /// So many units were it in truth. Once.
    void settle(const piece& taken, std::int64_t units, time_point now) noexcept {
        if (!is_any_) return;
        const duration excess = limit_.excess_of(taken, units);
        if (excess <= duration::zero()) {
            change([&](connector::gcra& at) {
                at.settle(taken, units, now, latest(now));
                return true;
            });
            return;
        }
        duration ahead{};
        for (duration::rep old = returning_.load(std::memory_order_relaxed);;) {
            ahead = connector::gcra::still_to_come(taken, duration(old), excess, now);
            if (returning_.compare_exchange_weak(old, old + ahead.count(), std::memory_order_relaxed)) break;
        }
        if (ahead == duration::zero()) return;
        change([ahead](connector::gcra& at) {
            at = at.with(at.arrival() - ahead);
            return true;
        });
        returned_.fetch_add(ahead.count(), std::memory_order_release);
    }

private:
    static constexpr duration burst = connector::rate_limiter::settings().burst;
    static time_point latest(time_point now) noexcept { return now + std::chrono::minutes(1) + burst; }

    [[nodiscard]] connector::gcra load() const noexcept {
        return limit_.with(time_point(duration(arrival_.load(std::memory_order_relaxed))));
    }
    template <class Change> bool change(const Change& by) noexcept {
        for (duration::rep old = arrival_.load(std::memory_order_relaxed);;) {
            connector::gcra at = limit_.with(time_point(duration(old)));
            if (!by(at)) return false;
            if (arrival_.compare_exchange_weak(old, at.arrival().time_since_epoch().count(),
                                               std::memory_order_relaxed))
                return true;
        }
    }

    const connector::gcra limit_;
    const bool is_any_;
    std::atomic<duration::rep> arrival_{0};
    std::atomic<duration::rep> returning_{0}; ///< of all that was given back, or is about to be
    std::atomic<duration::rep> returned_{0};  ///< of all that was
};

/// Threads: any.
class minute_limit {
public:
    /// What a request has taken.
    struct turn {
        shared_gcra::piece request{};
        shared_gcra::piece tokens{};
    };

    explicit minute_limit(const minute_rule& rule) noexcept
        : rule_(rule), requests_(rule.requests), tokens_(rule.tokens) {}

    [[nodiscard]] const minute_rule& rule() const noexcept { return rule_; }

    /// From when on a request may be sent.
    [[nodiscard]] std::chrono::milliseconds free_at() const noexcept {
        const time_point at = std::max({requests_.free_at(), tokens_.free_at(), time_point()});
        return std::chrono::ceil<std::chrono::milliseconds>(at.time_since_epoch());
    }
    /// Takes the right to send a request of so many tokens; false: it is too early.
    /// @param is_forced  it is sent all the same, and counted.
    bool take(time_point now, std::int64_t tokens, bool is_forced, turn& taken) noexcept {
        if (!requests_.take(now, 1, is_forced, taken.request)) return false;
        if (tokens_.take(now, counted(tokens), is_forced, taken.tokens)) return true;
        requests_.settle(taken.request, 0, now);
        return false;
    }
    /// A request that was not sent. Once; or settle().
    void give_back(const turn& taken, time_point now) noexcept {
        requests_.settle(taken.request, 0, now);
        tokens_.settle(taken.tokens, 0, now);
    }
    /// One that was, and has used so many tokens. @param taken  tokens of its turn.
    void settle(const shared_gcra::piece& taken, std::int64_t used, time_point now) noexcept {
        tokens_.settle(taken, counted(used), now);
    }

private:
    // What is more than a minute's is owed for a minute all the same.
    [[nodiscard]] std::int64_t counted(std::int64_t tokens) const noexcept {
        return std::clamp(tokens, std::int64_t{0}, rule_.tokens);
    }

    const minute_rule rule_;
    shared_gcra requests_;
    shared_gcra tokens_;
};

/// The tokens of one attempt: of the limits of its model, and of its provider's key.
struct taken_tokens {
    shared_gcra::piece model{};
    shared_gcra::piece key{};
};

/// What one attempt has taken of these limits, until it is known what it used: nothing, when nobody says it. Where there
/// are no limits it is nothing.
class metered_tokens {
public:
    metered_tokens() = default;
    /// @param model, key  each may be null. @param time  outlives this.
    metered_tokens(std::shared_ptr<minute_limit> model, std::shared_ptr<minute_limit> key,
                   const taken_tokens& taken, const clock& time) noexcept
        : model_(std::move(model)), key_(std::move(key)), taken_(taken), clock_(&time) {}
    metered_tokens(metered_tokens&&) noexcept = default;
    metered_tokens& operator=(metered_tokens&& other) noexcept {
        if (this == &other) return *this;
        settle(0);
        model_ = std::move(other.model_);
        key_ = std::move(other.key_);
        taken_ = other.taken_;
        clock_ = other.clock_;
        return *this;
    }
    ~metered_tokens() { settle(0); }

    /// Once.
    void settle(std::int64_t used) noexcept {
        if (!model_ && !key_) return;
        const time_point now = clock_->now();
        if (model_) std::exchange(model_, nullptr)->settle(taken_.model, used, now);
        if (key_) std::exchange(key_, nullptr)->settle(taken_.key, used, now);
    }
    /// Nobody will know: they stay what they were taken for.
    void keep() noexcept {
        model_ = nullptr;
        key_ = nullptr;
    }

private:
    std::shared_ptr<minute_limit> model_;
    std::shared_ptr<minute_limit> key_;
    taken_tokens taken_{};
    const clock* clock_ = nullptr;
};

} // namespace modelmesh::state
