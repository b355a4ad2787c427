#include "client/key_readings.hpp"

#include "router/guarded.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <thread>
#include <utility>

namespace modelmesh::detail {
namespace {

void report_unreadable(log_sink& log, const std::string& provider, const fault& why) {
    if (!log.wants(severity::warning)) return;
    const std::array<log_field, 2> fields{{{"provider", provider}, {"message", why.message}}};
    log.write(severity::warning, "key.unreadable", fields);
}

} // namespace

bool has_control_character(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

std::shared_ptr<router::key_renewal> key_readings::renewal_of(const std::string& provider,
                                                              std::shared_ptr<const key_source> from) {
    auto read = [self = shared_from_this(), provider, from = std::move(from)] {
        return self->read(provider, *from);
    };
    auto elsewhere = [self = shared_from_this()](std::function<void()> work) {
        self->begin(std::move(work));
    };
    return std::make_shared<router::key_renewal>(std::move(read), std::move(elsewhere));
}

result<std::string> key_readings::read(const std::string& provider, const key_source& from) {
    result<resolved_key> key = router::guarded([&from] { return from.read(); });
    if (key && (key->text.empty() || has_control_character(key->text)))
        key = fault(errc::config, key->text.empty() ? "it is empty" : "it has a control character");
    const std::lock_guard lock(telling_);
    if (!key) {
        if (log_ != nullptr) report_unreadable(*log_, provider, key.error());
        return key.error();
    }
    // Before anybody has it: a key that cannot be hidden is not used.
    if (log_ != nullptr) log_->hide(provider, *key);
    return std::move(key->text);
}

void key_readings::begin(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    if (is_closed_) return;
    std::thread([self = shared_from_this(), work = std::move(work)]() mutable {
        std::exchange(work, nullptr)();
        self->end();
    }).detach();
    ++under_way_; // the thread cannot end before: that takes the mutex
}

void key_readings::end() noexcept {
    const std::lock_guard lock(mutex_);
    --under_way_;
    idle_.notify_all();
}

void key_readings::close() noexcept {
    {
        std::unique_lock lock(mutex_);
        is_closed_ = true;
        idle_.wait_for(lock, grace, [this] { return under_way_ == 0; });
    }
    const std::lock_guard lock(telling_);
    log_ = nullptr;
}

} // namespace modelmesh::detail
