// A pool as its rotation policy sees it.
#pragma once

#include "router/permit.hpp"
#include "router/snapshot.hpp"

#include <modelmesh/connector/rotation.hpp>

#include <algorithm>

namespace modelmesh::router {

class pool_view final : public connector::rotation_view {
public:
    /// All outlive the view.
    pool_view(const pool& of, const connector::model_set& candidates,
              const connector::rotation_request& request, time_point now, const scope& asked) noexcept
        : rotation_view(candidates, request, now), pool_(&of), state_(of.state.get()), asked_(asked) {}

    [[nodiscard]] const connector::rotation_model& model(std::size_t index) const noexcept override {
        return pool_->known[index];
    }
    [[nodiscard]] bool is_eligible(std::size_t index) const noexcept override {
        return router::is_eligible(*pool_, index, asked_);
    }
    [[nodiscard]] unsigned in_flight(std::size_t index) const noexcept override {
        return static_cast<unsigned>(std::max(0, slot(index).in_flight.load(std::memory_order_relaxed)));
    }
    [[nodiscard]] std::optional<double> latency(std::size_t index) const noexcept override {
        return track(index).mean();
    }
    [[nodiscard]] std::optional<double> recent_latency(std::size_t index) const noexcept override {
        return track(index).recent();
    }
    [[nodiscard]] std::optional<connector::headroom> headroom(std::size_t index) const noexcept override {
        const std::chrono::milliseconds at = since_epoch(now());
        std::optional<connector::headroom> least;
        const auto take = [&least](const std::optional<state::limit_slot::view>& told, double each) {
            if (!told) return;
            const auto remaining = static_cast<double>(told->remaining);
            const double usage = 1 - remaining / static_cast<double>(told->limit);
            if (!least) least = connector::headroom{usage, remaining / each};
            least->usage = std::max(least->usage, usage);
            least->requests = std::min(least->requests, remaining / each);
        };
        take(slot(index).requests.load(at), 1);
        take(slot(index).tokens.load(at), std::max(1.0, request().prompt_tokens + request().output_tokens));
        return least;
    }
    [[nodiscard]] double error_rate(std::size_t index) const noexcept override {
        return state_->health[index]->error_rate();
    }

    [[nodiscard]] std::size_t cursor() const noexcept override {
        return state_->cursor.load(std::memory_order_relaxed);
    }
    void move_cursor(std::size_t from, std::size_t to) noexcept override {
        auto expected = static_cast<std::uint32_t>(from);
        state_->cursor.compare_exchange_strong(expected, static_cast<std::uint32_t>(to),
                                               std::memory_order_relaxed);
    }
    [[nodiscard]] double position(std::size_t word) const noexcept override {
        return state_->positions.get(word);
    }
    void set_position(std::size_t word, double value) noexcept override {
        state_->positions.set(word, value);
    }

private:
    [[nodiscard]] const state::model_slot& slot(std::size_t index) const noexcept {
        return *pool_->models[index]->slot;
    }
    [[nodiscard]] const state::latency_track& track(std::size_t index) const noexcept {
        return request().is_stream ? slot(index).first_token : slot(index).total;
    }

    const pool* pool_;
    pool_state* state_;
    scope asked_;
};

} // namespace modelmesh::router
