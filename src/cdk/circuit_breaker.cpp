#include <modelmesh/connector/circuit_breaker.hpp>

#include <mutex>
#include <stdexcept>
#include <utility>

namespace modelmesh::connector {

struct circuit_breaker::core {
    core(std::string service, settings with, const clock& source)
        : name(std::move(service)), rule(with), time(&source) {}

    const std::string name;
    const settings rule;
    const clock* const time;

    std::mutex mutex; ///< guards what follows; never held over a call
    circuit_breaker::state state = state::closed;
    std::uint64_t round = 0; ///< counts changes of state
    unsigned failures = 0;
    unsigned successes = 0;
    unsigned under_way = 0;
    std::uint64_t refused = 0;
    time_point opened_at{};

    void change(circuit_breaker::state to) {
        state = to;
        ++round;
        successes = 0;
        under_way = 0;
        if (to == state::closed) failures = 0;
        if (to == state::open) opened_at = time->now();
    }
    void half_open_in_time() {
        if (state == state::open && time->now() - opened_at >= rule.reset_timeout) change(state::half_open);
    }
    [[nodiscard]] fault refusal() {
        ++refused;
        const duration left =
            state == state::open ? rule.reset_timeout - (time->now() - opened_at) : duration(0);
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(left);
        fault f(errc::overloaded,
                "the circuit breaker of " + name +
                    (state == state::open ? " is open for another " + std::to_string(wait.count()) + " ms"
                                          : " is half open, and others are trying"));
        f.retry_after = wait;
        return f;
    }
};

circuit_breaker::permit& circuit_breaker::permit::operator=(permit&& other) noexcept {
    if (this == &other) return *this;
    end(outcome::none);
    of_ = std::move(other.of_);
    round_ = other.round_;
    return *this;
}

void circuit_breaker::permit::end(outcome how) noexcept {
    const std::shared_ptr<core> of = std::move(of_);
    if (!of) return;
    const std::lock_guard lock(of->mutex);
    if (of->round != round_) return;
    if (of->state == state::half_open) --of->under_way;
    if (how == outcome::success) {
        of->failures = 0;
        if (of->state == state::half_open && ++of->successes >= of->rule.success_threshold)
            of->change(state::closed);
    } else if (how == outcome::failure) {
        ++of->failures;
        if (of->state == state::half_open || of->failures >= of->rule.failure_threshold)
            of->change(state::open);
    }
}

circuit_breaker::circuit_breaker(std::string name) : circuit_breaker(std::move(name), settings()) {}

circuit_breaker::circuit_breaker(std::string name, settings with, const clock& time)
    : core_(std::make_shared<core>(std::move(name), with, time)) {
    if (with.failure_threshold == 0 || with.half_open_calls == 0 || with.success_threshold == 0)
        throw std::invalid_argument("circuit_breaker: thresholds begin at 1");
}

result<circuit_breaker::permit> circuit_breaker::enter() {
    const std::lock_guard lock(core_->mutex);
    core_->half_open_in_time();
    if (core_->state == state::open) return core_->refusal();
    if (core_->state == state::half_open) {
        if (core_->under_way >= core_->rule.half_open_calls) return core_->refusal();
        ++core_->under_way;
    }
    return permit(core_, core_->round);
}

circuit_breaker::statistics circuit_breaker::stats() const {
    const std::lock_guard lock(core_->mutex);
    core_->half_open_in_time();
    return {core_->state, core_->failures, core_->successes, core_->under_way, core_->refused};
}

void circuit_breaker::reset() {
    const std::lock_guard lock(core_->mutex);
    core_->change(state::closed);
}

} // namespace modelmesh::connector
