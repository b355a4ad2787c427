#include "client/event_outlet.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace modelmesh::detail {
namespace {

void add(redactor& to, const resolved_key& key) {
    to.add_secret(key.text);
    for (const std::string& each : key.secrets) to.add_secret(each);
}

} // namespace

event_outlet::event_outlet(log_sink* program) : program_(program) {
    known_.store(std::make_shared<const redactor>());
}

void event_outlet::show(std::vector<sink_plan> sinks, redactor secrets) {
    const std::lock_guard lock(mutex_);
    redactor configured = secrets;
    configured.add(current_);
    redactor all = configured;
    for (const renewed_key& each : renewed_) add(all, each.key);
    publish(sinks, std::move(all));
    sinks_ = std::move(sinks);
    configured_ = std::move(configured);
    current_ = std::move(secrets);
}

void event_outlet::hide(const std::string& provider, const resolved_key& key) {
    const std::lock_guard lock(mutex_);
    const auto is_its = [&provider](const renewed_key& each) { return each.provider == provider; };
    const auto newest = std::find_if(renewed_.rbegin(), renewed_.rend(), is_its);
    if (newest != renewed_.rend() && newest->key.text == key.text && newest->key.secrets == key.secrets)
        return;
    std::deque<renewed_key> renewed = renewed_;
    // The same once more is the newest.
    std::erase_if(renewed, [&](const renewed_key& each) {
        return each.provider == provider && each.key.text == key.text;
    });
    if (static_cast<std::size_t>(std::count_if(renewed.begin(), renewed.end(), is_its)) == kept_keys)
        renewed.erase(std::find_if(renewed.begin(), renewed.end(), is_its));
    if (renewed.size() == kept_keys_of_all) renewed.pop_front();
    renewed.push_back({provider, key});
    redactor all = configured_;
    for (const renewed_key& each : renewed) add(all, each.key);
    publish(sinks_, std::move(all));
    renewed_.swap(renewed);
}

void event_outlet::publish(std::vector<sink_plan> sinks, redactor all) {
    auto known = std::make_shared<const redactor>(all);
    if (owned_) {
        owned_->replace(std::move(sinks), std::move(all));
    } else if (!sinks.empty()) {
        event_hub_options options;
        options.secrets = std::move(all);
        owned_ = std::make_unique<event_hub>(std::move(sinks), std::move(options));
        hub_.store(owned_.get(), std::memory_order_release);
    }
    known_.store(std::move(known));
}

bool event_outlet::wants(severity level) const noexcept {
    if (program_ != nullptr && program_->wants(level)) return true;
    const event_hub* hub = hub_.load(std::memory_order_acquire);
    return hub != nullptr && hub->wants(level);
}

void event_outlet::write(severity level, std::string_view event, std::span<const log_field> fields) noexcept {
    if (program_ != nullptr && program_->wants(level)) {
        try {
            tell_program(level, event, fields);
        } catch (...) { // no memory: what cannot be hidden is not told
        }
    }
    if (event_hub* hub = hub_.load(std::memory_order_acquire); hub != nullptr)
        hub->write(level, event, fields);
}

void event_outlet::tell_program(severity level, std::string_view event,
                                std::span<const log_field> fields) const {
    const std::shared_ptr<const redactor> known = known_.load();
    const auto is_secret = [&known](const log_field& each) { return known->has_secret(each.value); };
    if (std::none_of(fields.begin(), fields.end(), is_secret)) return program_->write(level, event, fields);
    std::vector<std::string> values;
    values.reserve(fields.size()); // views point into it
    std::vector<log_field> shown;
    for (const log_field& each : fields) {
        known->redact(values.emplace_back(each.value));
        shown.push_back({each.key, values.back()});
    }
    program_->write(level, event, shown);
}

} // namespace modelmesh::detail
