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

/// Leave to ask a model, by its own health and by its provider's: the probes that the request is, if any. Gives them back
/// when it ends without a word about health: the caller went away, or asked for what no model can do.
class admission {
public:
    admission() = default;
    /// @param model, provider  outlive the admission.
    admission(state::health_slot& model, state::health_slot& provider, time_point now) noexcept
        : is_given_(provider_.take(provider, now) && model_.take(model, now)) {}
    admission(admission&& other) noexcept
        : provider_(std::exchange(other.provider_, {})), model_(std::exchange(other.model_, {})),
          is_given_(std::exchange(other.is_given_, false)) {}
    admission& operator=(admission&& other) noexcept {
        if (this == &other) return *this;
        end();
        provider_ = std::exchange(other.provider_, {});
        model_ = std::exchange(other.model_, {});
        is_given_ = std::exchange(other.is_given_, false);
        return *this;
    }
    ~admission() { end(); }

    /// False: another request has taken a probe.
    [[nodiscard]] explicit operator bool() const noexcept { return is_given_; }

    struct returned {
        bool model;
        bool provider;
    };
    /// The first content of a stream has arrived. Who came back into service by that.
    returned note_content() noexcept { return {model_.note_content(), provider_.note_content()}; }
    void end() noexcept {
        model_.give_back();
        provider_.give_back();
    }

private:
    struct probe {
        state::health_slot* health = nullptr; ///< of the probe that this is
        std::chrono::milliseconds of{};

        [[nodiscard]] bool take(state::health_slot& from, time_point now) noexcept {
            const state::health_slot::admission how = from.admit(since_epoch(now), &of);
            if (how == state::health_slot::admission::probe) health = &from;
            return how != state::health_slot::admission::refused;
        }
        [[nodiscard]] bool note_content() noexcept { return health != nullptr && health->note_content(of); }
        void give_back() noexcept {
            if (health != nullptr) health->give_back_probe(of);
            health = nullptr;
        }
    };

    probe provider_;
    probe model_;
    bool is_given_ = false;
};

/// Counts the attempt among those under way while it lives.
class permit {
public:
    permit() = default;
    /// @param model  outlives the permit.
    permit(state::model_slot& model, admission admitted, time_point now) noexcept
        : model_(&model), admitted_(std::move(admitted)), started_(now) {
        model_->in_flight.fetch_add(1, std::memory_order_relaxed);
    }
    permit(permit&& other) noexcept
        : model_(std::exchange(other.model_, nullptr)), admitted_(std::move(other.admitted_)),
          started_(other.started_) {}
    permit& operator=(permit&& other) noexcept {
        if (this == &other) return *this;
        end();
        model_ = std::exchange(other.model_, nullptr);
        admitted_ = std::move(other.admitted_);
        started_ = other.started_;
        return *this;
    }
    ~permit() { end(); }

    /// The first content of a stream has arrived. Who came back into service by that.
    admission::returned note_content(time_point now) noexcept {
        model_->first_token.add(elapsed(now));
        return admitted_.note_content();
    }
    /// The whole reply has arrived.
    void note_reply(time_point now) noexcept { model_->total.add(elapsed(now)); }
    /// Another model was faster, so this one takes longer than until now.
    void note_outrun(bool is_stream, time_point now) noexcept {
        if (model_ != nullptr) (is_stream ? model_->first_token : model_->total).add(elapsed(now));
    }

    void end() noexcept {
        if (model_ == nullptr) return;
        model_->in_flight.fetch_sub(1, std::memory_order_relaxed);
        model_ = nullptr;
        admitted_.end();
    }

private:
    [[nodiscard]] std::chrono::microseconds elapsed(time_point now) const noexcept {
        return std::chrono::duration_cast<std::chrono::microseconds>(now - started_);
    }

    state::model_slot* model_ = nullptr;
    admission admitted_;
    time_point started_{};
};

} // namespace modelmesh::router
