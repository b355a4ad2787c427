// A rotation policy of one's own: short questions go to the cheapest model, long ones to the fastest.
//   custom_rotation ["question"]      with OPENAI_API_KEY, OPENAI_BASE_URL, OLLAMA_HOST or VLLM_HOST set
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/modelmesh.hpp>

#include <iostream>
#include <limits>

namespace {

namespace mm = modelmesh;

class cheap_or_fast final : public mm::connector::rotation_policy {
    std::optional<std::size_t> choose(const mm::connector::rotation_view& from,
                                      mm::rng&) const noexcept override {
        const bool is_long = from.request().prompt_tokens > 200;
        std::optional<std::size_t> best;
        double least = std::numeric_limits<double>::infinity();
        const auto& among = from.candidates();
        for (std::size_t i = among.next(0); i < from.size(); i = among.next(i + 1)) {
            const double value = is_long ? from.latency(i).value_or(0) : price(from, i);
            if (best && value >= least) continue;
            best = i;
            least = value;
        }
        return best;
    }

    // Of a model whose price nobody knows: dearer than any.
    static double price(const mm::connector::rotation_view& from, std::size_t i) noexcept {
        const auto& known = from.model(i).price;
        return known ? static_cast<double>(known->output) : std::numeric_limits<double>::max();
    }
};

} // namespace

int main(int argc, char** argv) try {
    mm::connector::registry connectors;
    mm::connector::register_builtin(connectors);
    connectors
        .add_rotation(
            "acme.cheap-or-fast.v1",
            [](const mm::connector::rotation_settings&) { return std::make_unique<cheap_or_fast>(); })
        .value();

    mm::config config = mm::detect("chat-completion");
    for (auto& [name, pool] : config.pools) pool.strategy = "acme.cheap-or-fast.v1";
    mm::client client = mm::create(config, connectors);
    mm::chat::request request{"chat-completion", {mm::chat::user(argc > 1 ? argv[1] : "Who are you?")}};
    const mm::chat::reply reply = mm::run(client.chat.completions.create(request));
    std::cout << client.describe() << reply.text() << "\n";
} catch (const std::exception& failure) {
    std::cerr << "error: " << failure.what() << "\n";
    return 1;
}
