// /v1/embeddings: unit vectors that depend on the text alone, so that equal texts have equal vectors on every
// provider and on every run.
#include "endpoints.hpp"

#include <charconv>
#include <cmath>
#include <cstring>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::int64_t usual_dimensions = 8; // short enough to be read
constexpr std::int64_t most_dimensions = 4096;

std::vector<float> vector_of(const std::string& text, std::size_t dimensions) {
    std::uint64_t state = hash_of(text);
    std::vector<double> raw(dimensions);
    double squares = 0;
    for (double& value : raw) { // splitmix64, mapped to [-1, 1)
        std::uint64_t mixed = state += 0x9e3779b97f4a7c15;
        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
        mixed ^= mixed >> 31;
        value = static_cast<double>(mixed >> 11) * 0x1p-52 - 1;
        squares += value * value;
    }
    const double length = std::sqrt(squares);
    std::vector<float> out(dimensions, 0);
    out[0] = 1; // what is left when every number was zero
    for (std::size_t i = 0; i < dimensions && length > 0; ++i) out[i] = static_cast<float>(raw[i] / length);
    return out;
}

std::string little_endian(const std::vector<float>& values) {
    std::string out;
    for (const float value : values) {
        std::uint32_t bits = 0;
        std::memcpy(&bits, &value, sizeof bits);
        for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(bits >> shift & 0xff);
    }
    return out;
}

/// Each number in the fewest digits that give the same float. Boost.JSON would write those of a double.
std::string list_of(const std::vector<float>& values) {
    std::string out = "[";
    for (const float value : values) {
        char text[32];
        if (out.size() > 1) out += ',';
        out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
    }
    return out + "]";
}

} // namespace

model_request read_embeddings(const recorded_request& request) {
    const fields in(request.body);
    const std::string model = in.model();
    const text_input input = read_text_input(in, "input");
    const bool as_base64 = in.word("encoding_format", {"float", "base64"}) == "base64";
    const auto dimensions =
        static_cast<std::size_t>(in.integer("dimensions", 1, most_dimensions).value_or(usual_dimensions));
    const auto make = [=](const rule&, const reply_context&) {
        std::string data;
        for (std::size_t i = 0; i < input.texts.size(); ++i) {
            const std::vector<float> vector = vector_of(input.texts[i], dimensions);
            data += (i == 0 ? "" : ",") + std::string(R"({"object":"embedding","index":)") +
                    std::to_string(i) + R"(,"embedding":)" +
                    (as_base64 ? "\"" + base64(little_endian(vector)) + "\"" : list_of(vector)) + "}";
        }
        const json::object usage{{"prompt_tokens", input.tokens}, {"total_tokens", input.tokens}};
        return std::make_shared<whole_answer>(R"({"object":"list","data":[)" + data + R"(],"model":)" +
                                              json::serialize(json::value(model)) + R"(,"usage":)" +
                                              json::serialize(usage) + "}");
    };
    return {model, false, make};
}

} // namespace modelmesh::testing::detail
