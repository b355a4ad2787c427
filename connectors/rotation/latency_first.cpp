#include "policies.hpp"

namespace modelmesh::connector {
namespace {

// The candidate with the lowest mean latency; one that has not answered yet counts as the median of those that have.
// One request in fifty goes to a candidate at random, so that a model which was slow once is looked at again.
class latency_first final : public rotation_policy {
public:
    std::optional<std::size_t> choose(const rotation_view& from, rng& random) const noexcept override {
        const model_set& among = from.candidates();
        if (random.unit() < exploration) return among.nth(random.next() % among.count());
        // A median cannot be below the lowest: the unknown matter only when the two are equal, which takes more
        // than half of the known at the lowest. So nothing needs to be sorted.
        std::size_t known = 0;
        std::size_t at_lowest = 0;
        std::size_t best = 0;
        std::size_t first_unknown = among.size();
        double least = 0;
        among.for_each([&](std::size_t i) {
            const std::optional<double> latency = from.latency(i);
            if (!latency) {
                if (first_unknown == among.size()) first_unknown = i;
                return;
            }
            if (known++ == 0 || *latency < least) {
                best = i;
                least = *latency;
                at_lowest = 1;
            } else if (*latency == least) {
                ++at_lowest;
            }
        });
        if (known == 0) return first_unknown;
        const bool is_median_lowest = at_lowest >= known / 2 + 1;
        return is_median_lowest && first_unknown < best ? first_unknown : best;
    }
    std::optional<double> rating(const rotation_view& from, std::size_t candidate) const noexcept override {
        return from.latency(candidate);
    }

private:
    static constexpr double exploration = 0.02;
};

} // namespace

std::unique_ptr<rotation_policy> make_latency_first(const rotation_settings&) {
    return std::make_unique<latency_first>();
}

} // namespace modelmesh::connector
