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

/// A gcra for all threads. Any may take and read; the one moment is changed by compare-and-swap. Relaxed: no other data
/// hangs on it.
class shared_gcra {
public:
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
    bool take(time_point now, std::int64_t units, bool is_forced) noexcept {
        if (!is_any_) return true;
        const time_point latest = now + std::chrono::minutes(1) + burst;
        return change([=](connector::gcra& at) {
            if (!is_forced && now < at.free_at()) return false;
            at.take(now, units);
            at = at.with(std::min(at.arrival(), latest));
            return true;
        });
    }
    /// Units that turned out to be more, or fewer, than were taken.
    void correct(std::int64_t more) noexcept {
        if (!is_any_) return;
        change([more](connector::gcra& at) {
            at.correct(more);
            return true;
        });
    }

private:
    static constexpr duration burst = connector::rate_limiter::settings().burst;

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
};

/// Threads: any.
class minute_limit {
public:
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
    bool take(time_point now, std::int64_t tokens, bool is_forced) noexcept {
        if (!requests_.take(now, 1, is_forced)) return false;
        if (tokens_.take(now, counted(tokens), is_forced)) return true;
        requests_.correct(-1);
        return false;
    }
    /// A request that was taken and not sent.
    void give_back(std::int64_t tokens) noexcept {
        requests_.correct(-1);
        tokens_.correct(-counted(tokens));
    }
    /// A request that was taken with so many tokens has used others.
    void settle(std::int64_t taken, std::int64_t used) noexcept {
        tokens_.correct(counted(used) - counted(taken));
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

/// What one attempt has taken of the limits of its model and of its provider's key, until it is known what it used:
/// nothing, when nobody says it. Where there are no limits it is nothing.
class metered_tokens {
public:
    metered_tokens() = default;
    /// Each may be null.
    metered_tokens(std::shared_ptr<minute_limit> model, std::shared_ptr<minute_limit> key,
                   std::int64_t taken) noexcept
        : model_(std::move(model)), key_(std::move(key)), taken_(taken) {}
    metered_tokens(metered_tokens&&) noexcept = default;
    metered_tokens& operator=(metered_tokens&& other) noexcept {
        if (this == &other) return *this;
        settle(0);
        model_ = std::move(other.model_);
        key_ = std::move(other.key_);
        taken_ = other.taken_;
        return *this;
    }
    ~metered_tokens() { settle(0); }

    /// Once.
    void settle(std::int64_t used) noexcept {
        for (std::shared_ptr<minute_limit>* each : {&model_, &key_})
            if (const std::shared_ptr<minute_limit> limit = std::move(*each)) limit->settle(taken_, used);
    }
    /// Nobody will know: they stay what they were taken for.
    void keep() noexcept { settle(taken_); }

private:
    std::shared_ptr<minute_limit> model_;
    std::shared_ptr<minute_limit> key_;
    std::int64_t taken_ = 0;
};

} // namespace modelmesh::state
