// Every provider that ships keeps the promises of its interface, and who does not is found.
#include <modelmesh/connector/quick_provider.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/testing/conformance/provider.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

namespace modelmesh::testing {
namespace {

using namespace connector;

const std::string answer =
    R"({"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"4"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}})";
const std::vector<std::string> frames{
    R"({"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]})",
    R"({"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"4"},"finish_reason":"stop"}]})",
    "[DONE]"};

class Provider : public ::testing::TestWithParam<std::tuple<std::string, provider_promise>> {};

TEST_P(Provider, Keeps) {
    const auto& [id, promised] = GetParam();
    const auto make = [name = id]() -> std::unique_ptr<provider> {
        if (name == "quick") return std::make_unique<quick_provider>(quick_provider::settings());
        registry all;
        register_builtin(all);
        return all.make_provider(name).value();
    };
    EXPECT_EQ(promised.broken_by({make, answer, frames}), "");
}
INSTANTIATE_TEST_SUITE_P(Kinds, Provider,
                         ::testing::Combine(::testing::Values("openai.llm.v1", "ollama.local.v1",
                                                              "vllm.local.v1", "quick"),
                                            ::testing::ValuesIn(provider_promises)),
                         [](const auto& each) {
                             std::string name =
                                 std::get<0>(each.param) + "_" + std::string(std::get<1>(each.param).name);
                             std::replace(name.begin(), name.end(), '.', '_');
                             return name;
                         });

enum class flaw {
    none,
    forgets_the_model,
    swallows_answers,
    forgives_all,
    forgets_the_status,
    drops_chunks,
    invents_the_end,
};

class flawed_provider final : public openai_compatible {
public:
    explicit flawed_provider(flaw has) : has_(has) {}
    result<void> encode(const prepared_request& input, const target& to,
                        http::request& output) const override {
        target other = to;
        if (has_ == flaw::forgets_the_model) other.model = "m";
        return openai_compatible::encode(input, other, output);
    }
    result<std::string> decode(const prepared_request& input, http::response&& given) const override {
        if (has_ == flaw::swallows_answers) return fault(errc::protocol, "not today");
        auto read = openai_compatible::decode(input, std::move(given));
        if (has_ == flaw::forgives_all && !json::read<chat::reply>(*read)) return answer;
        return read;
    }
    [[nodiscard]] fault classify(const http::response& given,
                                 std::chrono::system_clock::time_point wall) const override {
        fault f = openai_compatible::classify(given, wall);
        if (has_ == flaw::forgets_the_status) f.http_status = 0;
        return f;
    }
    [[nodiscard]] std::unique_ptr<stream_decoder> open_stream(const prepared_request& input) const override {
        if (has_ >= flaw::drops_chunks)
            return std::make_unique<decoder>(openai_compatible::open_stream(input), has_);
        return openai_compatible::open_stream(input);
    }

private:
    class decoder final : public stream_decoder {
    public:
        decoder(std::unique_ptr<stream_decoder> inner, flaw has) : inner_(std::move(inner)), has_(has) {}
        result<void> on_frame(const frame& input, frame_sink& output) override {
            if (has_ == flaw::drops_chunks && input.data.starts_with("{\"id\"")) return {};
            return inner_->on_frame(input, output);
        }
        result<void> on_end(frame_sink& output) override {
            const result<void> ended = inner_->on_end(output);
            if (ended || has_ != flaw::invents_the_end) return ended;
            output.done();
            return {};
        }

    private:
        std::unique_ptr<stream_decoder> inner_;
        flaw has_;
    };

    flaw has_;
};

TEST(Promises, OfAProviderAreFoundBroken) {
    const auto with = [](flaw has) {
        std::string names;
        for (const provider_promise& each : provider_promises)
            if (!each.broken_by({[has] { return std::make_unique<flawed_provider>(has); }, answer, frames})
                     .empty())
                names.append(names.empty() ? "" : " ").append(each.name);
        return names;
    };
    EXPECT_EQ(with(flaw::none), "");
    EXPECT_EQ(with(flaw::forgets_the_model), "encodes_the_same_each_time");
    EXPECT_EQ(with(flaw::swallows_answers), "reads_the_vendors_answer");
    EXPECT_EQ(with(flaw::forgives_all), "refuses_what_is_no_answer");
    EXPECT_EQ(with(flaw::forgets_the_status), "classifies_every_status");
    EXPECT_EQ(with(flaw::drops_chunks), "reads_the_vendors_stream");
    EXPECT_EQ(with(flaw::invents_the_end),
              "a_stream_that_was_cut_off_has_no_end odd_frames_end_no_stream_well");
}

} // namespace
} // namespace modelmesh::testing
