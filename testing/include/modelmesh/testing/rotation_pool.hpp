// A pool that a test makes up, for rotation policies.
#pragma once

#include <modelmesh/connector/rotation.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace modelmesh::testing {

/// Members may be changed between choices. Threads: one at a time.
class rotation_pool {
public:
    struct model {
        connector::rotation_model
            known{}; ///< its id and provider are made from its number when they are empty
        bool is_candidate = true;
        bool is_eligible = true;
        unsigned in_flight = 0;
        std::optional<double> latency{}; ///< microseconds
        std::optional<double> recent_latency{};
        std::optional<connector::headroom> headroom{};
        double error_rate = 0;
    };

    /// @param of  what positions() are kept for.
    rotation_pool(std::vector<model> of_models, const connector::rotation_policy& of)
        : models(std::move(of_models)), words_(of.positions()),
          positions_(words_.cursors + words_.per_model * models.size()) {
        ids_.reserve(models.size());
        for (std::size_t i = 0; i < models.size(); ++i) {
            connector::rotation_model& known = models[i].known;
            ids_.push_back("p" + std::to_string(i) + ".m");
            if (known.id.empty()) known.id = ids_.back();
            if (known.provider.empty()) known.provider = known.id.substr(0, known.id.find('.'));
        }
    }
    rotation_pool(const rotation_pool&) = delete;
    rotation_pool& operator=(const rotation_pool&) = delete;

    /// What the policy chooses for this request.
    [[nodiscard]] std::optional<std::size_t> choose(const connector::rotation_policy& by, rng& random) {
        const connector::model_set candidates = candidates_now();
        return by.choose(view(*this, candidates), random);
    }
    /// The same, and the request goes there.
    std::optional<std::size_t> next(const connector::rotation_policy& by, rng& random) {
        const connector::model_set candidates = candidates_now();
        view from(*this, candidates);
        const std::optional<std::size_t> chosen = by.choose(from, random);
        if (chosen && *chosen < models.size()) by.commit(from, *chosen);
        return chosen;
    }
    void fail(const connector::rotation_policy& by, std::size_t index) {
        const connector::model_set candidates = candidates_now();
        view from(*this, candidates);
        by.move_on(from, index);
    }
    [[nodiscard]] std::optional<double> rating(const connector::rotation_policy& by, std::size_t index) {
        const connector::model_set candidates = candidates_now();
        return by.rating(view(*this, candidates), index);
    }

    /// The cursor that all threads share.
    [[nodiscard]] std::size_t cursor() const noexcept { return cursor_; }
    /// Whether a policy wrote a position that it had not asked for, or a cursor that is no model's number.
    [[nodiscard]] bool was_misused() const noexcept { return was_misused_; }

    std::vector<model> models;
    connector::rotation_request request{};
    time_point now{std::chrono::hours(1)};

private:
    class view final : public connector::rotation_view {
    public:
        view(rotation_pool& of, const connector::model_set& candidates) noexcept
            : rotation_view(candidates, of.request, of.now), of_(&of) {}

        [[nodiscard]] const connector::rotation_model& model(std::size_t index) const noexcept override {
            return of_->models[index].known;
        }
        [[nodiscard]] bool is_eligible(std::size_t index) const noexcept override {
            return of_->models[index].is_eligible;
        }
        [[nodiscard]] unsigned in_flight(std::size_t index) const noexcept override {
            return of_->models[index].in_flight;
        }
        [[nodiscard]] std::optional<double> latency(std::size_t index) const noexcept override {
            return of_->models[index].latency;
        }
        [[nodiscard]] std::optional<double> recent_latency(std::size_t index) const noexcept override {
            return of_->models[index].recent_latency;
        }
        [[nodiscard]] std::optional<connector::headroom> headroom(std::size_t index) const noexcept override {
            return of_->models[index].headroom;
        }
        [[nodiscard]] double error_rate(std::size_t index) const noexcept override {
            return of_->models[index].error_rate;
        }
        [[nodiscard]] std::size_t cursor() const noexcept override { return of_->cursor_; }
        void move_cursor(std::size_t from, std::size_t to) noexcept override {
            if (to >= of_->models.size())
                of_->was_misused_ = true;
            else if (of_->cursor_ == from)
                of_->cursor_ = to;
        }
        [[nodiscard]] double position(std::size_t word) const noexcept override {
            return word < of_->positions_.size() ? of_->positions_[word] : 0;
        }
        void set_position(std::size_t word, double value) noexcept override {
            const bool is_number =
                value >= 0 && value < static_cast<double>(of_->models.size()) && value == std::floor(value);
            if (word >= of_->positions_.size() || (word < of_->words_.cursors && !is_number))
                of_->was_misused_ = true;
            else
                of_->positions_[word] = value;
        }

    private:
        rotation_pool* of_;
    };

    [[nodiscard]] connector::model_set candidates_now() const {
        connector::model_set in(models.size());
        for (std::size_t i = 0; i < models.size(); ++i)
            if (models[i].is_candidate) in.insert(i);
        return in;
    }

    connector::position_words words_;
    std::vector<double> positions_;
    std::vector<std::string> ids_;
    std::size_t cursor_ = 0;
    bool was_misused_ = false;
};

} // namespace modelmesh::testing
