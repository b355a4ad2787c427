// One attempt under way at a model.
#pragma once

#include "state/health.hpp"
#include "state/model_slot.hpp"

#include <modelmesh/core/clock.hpp>

#include <chrono>
#include <utility>

namespace modelmesh::router {

[[nodiscard]] inline std::chrono::milliseconds since_epoch(time_point at) noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch());
}

/// Counts the attempt among those under way while it lives, and gives its probe back when it ends without a word
/// about the model's health: the caller went away, or asked for what no model can do.
class permit {
public:
    permit() = default;
    /// @param model, health  outlive the permit.
    permit(state::model_slot& model, state::health_slot& health, bool is_probe, time_point now) noexcept
        : model_(&model), health_(is_probe ? &health : nullptr), started_(now) {
        if (is_probe) probe_of_ = health.load().until;
        model_->in_flight.fetch_add(1, std::memory_order_relaxed);
    }
    permit(permit&& other) noexcept
        : model_(std::exchange(other.model_, nullptr)), health_(std::exchange(other.health_, nullptr)),
          probe_of_(other.probe_of_), started_(other.started_) {}
    permit& operator=(permit&& other) noexcept {
        if (this == &other) return *this;
        end();
        model_ = std::exchange(other.model_, nullptr);
        health_ = std::exchange(other.health_, nullptr);
        probe_of_ = other.probe_of_;
        started_ = other.started_;
        return *this;
    }
    ~permit() { end(); }

    /// The first content of a stream has arrived.
    void note_content(time_point now) noexcept {
        model_->first_token.add(elapsed(now));
        if (health_ != nullptr) health_->note_content();
    }
    /// The whole reply has arrived.
    void note_reply(time_point now) noexcept { model_->total.add(elapsed(now)); }

    void end() noexcept {
        if (model_ == nullptr) return;
        model_->in_flight.fetch_sub(1, std::memory_order_relaxed);
        model_ = nullptr;
        if (health_ != nullptr) health_->give_back_probe(probe_of_);
    }

private:
    [[nodiscard]] std::chrono::microseconds elapsed(time_point now) const noexcept {
        return std::chrono::duration_cast<std::chrono::microseconds>(now - started_);
    }

    state::model_slot* model_ = nullptr;
    state::health_slot* health_ = nullptr; ///< of the probe that this attempt is
    std::chrono::milliseconds probe_of_{};
    time_point started_{};
};

} // namespace modelmesh::router
