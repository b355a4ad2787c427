#include "policies.hpp"

#include <modelmesh/core/hash.hpp>

namespace modelmesh::connector {
namespace {

// The finish of splitmix64.
std::uint64_t mixed(std::uint64_t x) noexcept {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

// All requests of a session at one model, by rendezvous hashing: of n models, one that comes or goes moves one
// session in n, and nothing has to be remembered. A request without a session goes by the pool's priorities.
class session_stickiness final : public rotation_policy {
public:
    explicit session_stickiness(affinity_mode mode) : mode_(mode) {}

    std::optional<std::size_t> choose(const rotation_view& from, rng&) const noexcept override {
        const model_set& among = from.candidates();
        if (from.request().session.empty())
            return lowest(among, [&from](std::size_t i) { return from.model(i).priority; });
        const std::uint64_t session = stable_hash(from.request().session);
        const auto rating = [&](std::size_t i) { return mixed(session ^ from.model(i).key); };
        const std::size_t best = lowest(among, rating);
        if (mode_ == affinity_mode::fallback) return best;
        for (std::size_t i = 0; i < from.size(); ++i)
            if (!among.contains(i) && from.is_eligible(i) && rating(i) < rating(best)) return std::nullopt;
        return best;
    }

    errc refusal(const rotation_request& of) const noexcept override {
        return of.session.empty() ? errc::no_active_model : errc::session_unavailable;
    }

private:
    affinity_mode mode_;
};

} // namespace

std::unique_ptr<rotation_policy> make_session_stickiness(const rotation_settings& settings) {
    return std::make_unique<session_stickiness>(settings.affinity);
}

} // namespace modelmesh::connector
