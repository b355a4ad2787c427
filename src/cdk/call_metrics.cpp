#include <modelmesh/connector/call_metrics.hpp>

#include <algorithm>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

namespace modelmesh::connector {

struct call_window {
    call_window(std::size_t size, const clock& source) : time(&source) { times.reserve(size); }

    const clock* const time;
    std::mutex mutex;                             ///< guards what follows
    std::vector<std::chrono::microseconds> times; ///< a ring of its capacity
    std::uint64_t calls = 0;
    std::uint64_t failures = 0;

    void add(std::chrono::microseconds took, bool is_good) {
        if (times.size() < times.capacity())
            times.push_back(took);
        else
            times[calls % times.capacity()] = took;
        ++calls;
        failures += is_good ? 0 : 1;
    }
};

void call_metrics::call::end(bool is_good) noexcept {
    const std::shared_ptr<call_window> into = std::move(into_);
    if (!into) return;
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(into->time->now() - since_);
    const std::lock_guard lock(into->mutex);
    into->add(took, is_good);
}

call_metrics::call_metrics(std::size_t window, const clock& time) {
    if (window == 0) throw std::invalid_argument("call_metrics: the window begins at 1");
    window_ = std::make_shared<call_window>(window, time);
}

call_metrics::call call_metrics::begin() { return {window_, window_->time->now()}; }

call_metrics::summary call_metrics::read() const {
    summary all;
    std::vector<std::chrono::microseconds> sorted;
    {
        const std::lock_guard lock(window_->mutex);
        all.calls = window_->calls;
        all.failures = window_->failures;
        sorted = window_->times;
    }
    if (sorted.empty()) return all;
    std::sort(sorted.begin(), sorted.end());
    // Nearest rank: the smallest time that at least so many percent of the calls did not exceed.
    const auto percentile = [&sorted](std::size_t percent) {
        return sorted[(sorted.size() * percent + 99) / 100 - 1];
    };
    all.mean = std::accumulate(sorted.begin(), sorted.end(), std::chrono::microseconds(0)) /
               static_cast<std::int64_t>(sorted.size());
    all.p50 = percentile(50);
    all.p95 = percentile(95);
    all.p99 = percentile(99);
    return all;
}

void call_metrics::reset() {
    const std::lock_guard lock(window_->mutex);
    window_->times.clear();
    window_->calls = 0;
    window_->failures = 0;
}

} // namespace modelmesh::connector
