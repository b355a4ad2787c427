// Embeddings: unit vectors that depend on the text alone, as numbers and as base64.
#include "service_fixture.hpp"

#include <gmock/gmock.h>
#include <openssl/evp.h>

#include <bit>
#include <cmath>

namespace modelmesh::testing::detail {
namespace {

using ::testing::HasSubstr;

std::vector<float> floats_of(const boost::json::value& list) {
    std::vector<float> out;
    for (const boost::json::value& number : list.as_array())
        out.push_back(static_cast<float>(number.to_number<double>()));
    return out;
}

/// Reads base64 with OpenSSL, which shares nothing with what wrote it.
std::vector<float> floats_of(std::string_view text) {
    std::string bytes(text.size(), '\0');
    const int size =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    EXPECT_GT(size, 0);
    bytes.resize(static_cast<std::size_t>(size));
    std::vector<float> out;
    for (std::size_t at = 0; at + 4 <= bytes.size(); at += 4) {
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 4; ++i)
            bits |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << 8 * i;
        out.push_back(std::bit_cast<float>(bits));
    }
    return out;
}

TEST(Embeddings, HaveTheVendorsShapeAndTheLengthOne) {
    provider sim;
    const seen_reply seen = sim.post("/v1/embeddings", R"({"model":"m","input":["a word","b"],"user":"u"})");
    EXPECT_EQ(seen.status, 200);
    const boost::json::value reply = seen.json();
    EXPECT_EQ(reply.at("object"), "list");
    EXPECT_EQ(reply.at("model"), "m");
    EXPECT_EQ(reply.at("usage"), boost::json::parse(R"({"prompt_tokens":3,"total_tokens":3})"));
    const boost::json::array& data = reply.at("data").as_array();
    ASSERT_EQ(data.size(), 2U);
    for (std::size_t i = 0; i < data.size(); ++i) {
        EXPECT_EQ(data[i].at("object"), "embedding");
        EXPECT_EQ(data[i].at("index").as_int64(), static_cast<std::int64_t>(i));
        const std::vector<float> vector = floats_of(data[i].at("embedding"));
        EXPECT_EQ(vector.size(), 8U);
        double squares = 0;
        for (const float value : vector) squares += double(value) * value;
        EXPECT_NEAR(squares, 1, 1e-6);
    }
    EXPECT_NE(data[0].at("embedding"), data[1].at("embedding"));
}

TEST(Embeddings, OfOneTextAreEqualWhereverTheyAreMade) {
    provider first, second;
    const std::string alone = first.post("/v1/embeddings", R"({"model":"m","input":"why"})").body;
    const std::string listed = second.post("/v1/embeddings", R"({"model":"m","input":["other","why"]})").body;
    const auto vector = [](const std::string& body, std::size_t index) {
        return boost::json::parse(body).at("data").as_array().at(index).at("embedding");
    };
    EXPECT_EQ(vector(alone, 0), vector(listed, 1));
    EXPECT_NE(vector(alone, 0), vector(listed, 0));
}

TEST(Embeddings, InBase64AreTheSameFloats) {
    for (const char* size : {"1", "3", "4", "256"}) {
        provider sim;
        const std::string rest = std::string(R"(,"model":"m","input":"why","dimensions":)") + size + "}";
        const boost::json::value plain =
            sim.post("/v1/embeddings", R"({"encoding_format":"float")" + rest).json();
        const boost::json::value packed =
            sim.post("/v1/embeddings", R"({"encoding_format":"base64")" + rest).json();
        const std::vector<float> numbers = floats_of(plain.at("data").as_array()[0].at("embedding"));
        std::vector<float> unpacked =
            floats_of(std::string_view(packed.at("data").as_array()[0].at("embedding").as_string()));
        EXPECT_EQ(numbers.size(), std::stoul(size));
        unpacked.resize(numbers.size()); // OpenSSL counts the padding as bytes
        EXPECT_EQ(numbers, unpacked);
    }
}

TEST(Embeddings, TakeTokensToo) {
    provider sim;
    const boost::json::value one = sim.post("/v1/embeddings", R"({"model":"m","input":[1,2,3]})").json();
    EXPECT_EQ(one.at("data").as_array().size(), 1U);
    EXPECT_EQ(one.at("usage").at("total_tokens"), 3);
    const boost::json::value two =
        sim.post("/v1/embeddings", R"({"model":"m","input":[[1,2,3],[4]]})").json();
    EXPECT_EQ(two.at("data").as_array().size(), 2U);
    EXPECT_EQ(two.at("usage").at("total_tokens"), 4);
    EXPECT_EQ(two.at("data").as_array()[0].at("embedding"), one.at("data").as_array()[0].at("embedding"));
}

TEST(Embeddings, RefuseWhatIsWrong) {
    provider sim;
    const auto problem = [&](const std::string& rest) {
        return sim.problem("/v1/embeddings", R"({"model":"m")" + rest + "}");
    };
    EXPECT_EQ(sim.problem("/v1/embeddings", R"({"input":"a"})"), "model -");
    EXPECT_EQ(problem(""), "input missing_required_parameter");
    EXPECT_EQ(problem(R"(,"input":7)"), "input invalid_type");
    EXPECT_EQ(problem(R"(,"input":"")"), "input empty_string");
    EXPECT_EQ(problem(R"(,"input":[])"), "input empty_array");
    EXPECT_EQ(problem(R"(,"input":["a",1])"), "input invalid_type");
    EXPECT_EQ(problem(R"(,"input":[1,"a"])"), "input invalid_type");
    EXPECT_EQ(problem(R"(,"input":[{}])"), "input invalid_type");
    EXPECT_EQ(problem(R"(,"input":[[]])"), "input empty_array");
    EXPECT_EQ(problem(R"(,"input":"a","dimensions":0)"), "dimensions integer_below_min_value");
    EXPECT_EQ(problem(R"(,"input":"a","encoding_format":"hex")"), "encoding_format invalid_value");
    std::string many = R"(,"input":["a")";
    for (int i = 0; i < 2048; ++i) many += R"(,"a")";
    EXPECT_EQ(problem(many + "]"), "input array_above_max_length");
}

} // namespace
} // namespace modelmesh::testing::detail
