// Which model of a pool the next attempt goes to.
#pragma once

#include "router/snapshot.hpp"

#include <modelmesh/core/clock.hpp>

#include <optional>
#include <vector>

namespace modelmesh::router {

/// The models that one request has already tried; it never tries one twice.
class exclusion_set {
public:
    explicit exclusion_set(std::size_t models) : tried_(models, false) {}
    void add(std::size_t index) { tried_[index] = true; }
    [[nodiscard]] bool contains(std::size_t index) const { return tried_[index]; }

private:
    std::vector<bool> tried_;
};

[[nodiscard]] inline std::chrono::milliseconds since_epoch(time_point at) noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch());
}

/// Whether a call that asks this provider only may ask the model. @param only  null: it asks any.
[[nodiscard]] inline bool is_eligible(const pool& in, std::size_t index,
                                      const provider_entry* only) noexcept {
    return only == nullptr || in.models[index]->provider == only;
}
/// How many models such a call may ask.
[[nodiscard]] std::size_t count_eligible(const pool& in, const provider_entry* only) noexcept;

/// Stick until failure: the model at the pool's cursor while it is eligible, available and untried, else the
/// next one in pool order, going round. Pure: moves no cursor. Empty when none is left.
[[nodiscard]] std::optional<std::size_t> select_sticky(const pool& from, const exclusion_set& tried,
                                                       time_point now, const provider_entry* only = nullptr);

/// The model that the next request to the pool would go to; its first one when none is available; null when it has
/// none.
[[nodiscard]] const model_entry* next_model(const pool& in, time_point now);

/// Tells the pool what became of an attempt.
void note_success(const pool& in, std::size_t index, time_point now);
/// Moves the cursor past this model when selection would begin with it: not for a call of one provider, whose
/// selection has left out models before it that others begin with.
void move_on(const pool& in, std::size_t index, time_point now);
/// Counts against the model's health and moves on: a model that recovers does not take the traffic back.
/// True when the model went out of service.
bool note_failure(const pool& in, std::size_t index, state::health_slot::reason why, time_point now);

/// Time until the first eligible model of the pool comes back; zero when one is available now.
[[nodiscard]] std::chrono::milliseconds until_available(const pool& in, time_point now,
                                                        const provider_entry* only = nullptr);

} // namespace modelmesh::router
