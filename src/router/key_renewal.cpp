#include "router/key_renewal.hpp"

#include "router/guarded.hpp"

#include <algorithm>
#include <utility>

namespace modelmesh::router {

std::optional<unsigned> key_renewal::join(const std::shared_ptr<key_renewal>& self, time_point now,
                                          time_point& until, std::optional<std::string>& key) {
    unsigned number = 0;
    {
        const std::lock_guard lock(self->mutex_);
        if (self->is_reading_) {
            until = std::min(until, self->next_at_);
            return self->number_;
        }
        if (now < self->next_at_) {
            key = self->key_;
            return std::nullopt;
        }
        self->next_at_ = now + pace;
        until = std::min(until, self->next_at_);
        self->is_reading_ = true;
        number = ++self->number_;
    }
    try {
        self->elsewhere_([self] { self->finish(guarded([&self] { return self->read_(); })); });
    } catch (const std::exception& none) { // the system gives no thread
        self->finish(fault(errc::internal, none.what()));
    }
    return number;
}

void key_renewal::finish(result<std::string> read) {
    const std::lock_guard lock(mutex_);
    is_reading_ = false;
    key_.reset();
    if (read) key_ = std::move(*read);
}

bool key_renewal::is_over(unsigned number, std::optional<std::string>& key) {
    const std::lock_guard lock(mutex_);
    if (is_reading_ && number_ == number) return false;
    key = key_;
    return true;
}

task<result<std::optional<std::string>>> key_renewal::read(std::shared_ptr<key_renewal> self, transport& via,
                                                           time_point until) {
    std::optional<std::string> key;
    const std::optional<unsigned> number = join(self, via.time().now(), until, key);
    if (!number) co_return std::move(key);
    // Whoever waits looks now and then: that is rare, ends with the request however that ends, and needs nobody who
    // knows the event loops of all who wait.
    constexpr std::chrono::milliseconds longest_pause{32};
    for (std::chrono::milliseconds pause{1};; pause = std::min(2 * pause, longest_pause)) {
        if (self->is_over(*number, key)) co_return std::move(key);
        const time_point now = via.time().now();
        if (now >= until) co_return std::move(key);
        const result<void> slept = co_await via.sleep_until(std::min(until, now + pause));
        if (!slept) co_return slept.error();
    }
}

} // namespace modelmesh::router
