// Images: valid PNGs, as base64, behind URLs and in events.
#include "image.hpp"
#include "service_fixture.hpp"

#include <gmock/gmock.h>

namespace modelmesh::testing::detail {
namespace {

using ::testing::HasSubstr;

// Made with Python's zlib: one point, red 0x11, green 0x22, blue 0x33.
constexpr std::string_view known_png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAAD0lEQVR4AQEEAPv/"
                                       "ABEiMwCuAGd4Oy6qAAAAAElFTkSuQmCC";

TEST(Png, IsThatOfAnotherWriter) { EXPECT_EQ(base64(png_of(0x112233)), known_png); }

TEST(Base64, PadsEveryRest) {
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(base64("f"), "Zg==");
    EXPECT_EQ(base64("fo"), "Zm8=");
    EXPECT_EQ(base64("foo"), "Zm9v");
    EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
    EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(Images, HaveTheVendorsShape) {
    provider sim;
    const seen_reply seen =
        sim.post("/v1/images/generations", R"({"model":"m","prompt":"a cat","n":2,"size":"auto"})");
    const boost::json::value reply = seen.json();
    const boost::json::array& data = reply.at("data").as_array();
    ASSERT_EQ(data.size(), 2U);
    EXPECT_THAT(text(data[0].at("b64_json")), ::testing::StartsWith("iVBORw0KGgo"));
    EXPECT_NE(data[0], data[1]);
    EXPECT_GT(reply.at("created").as_int64(), 1'700'000'000);
    EXPECT_THAT(seen.body,
                ::testing::EndsWith(
                    R"(],"size":"1024x1024","quality":"low","background":"opaque",)"
                    R"("output_format":"png","usage":{"input_tokens":2,)"
                    R"("input_tokens_details":{"text_tokens":2,"image_tokens":0},"output_tokens":544,)"
                    R"("output_tokens_details":{"text_tokens":0,"image_tokens":544},"total_tokens":546}})"));
}

TEST(Images, BehindUrlsAreServed) {
    provider sim;
    const boost::json::value packed = sim.post("/v1/images/generations", R"({"prompt":"a"})").json();
    const boost::json::value linked =
        sim.post("/v1/images/generations", R"({"prompt":"a","response_format":"url"})").json();
    const std::string url = text(linked.at("data").as_array().at(0).at("url"));
    const std::string origin = "http://host";
    ASSERT_THAT(url, ::testing::StartsWith(origin + "/images/"));
    const seen_reply seen = sim.get(url.substr(origin.size()));
    EXPECT_EQ(seen.status, 200);
    EXPECT_THAT(seen.head, HasSubstr("\r\ncontent-type: image/png\r\n"));
    EXPECT_EQ(text(packed.at("data").as_array().at(0).at("b64_json")), base64(seen.body));
    for (const char* path : {"/images/x.png", "/images/1.jpg", "/images/1", "/images/.png"})
        EXPECT_EQ(sim.get(path).status, 404) << path;
}

TEST(Images, StreamPartialOnesBeforeTheComplete) {
    provider sim;
    const seen_reply seen =
        sim.post("/v1/images/generations", R"({"model":"m","prompt":"a","stream":true,"partial_images":2})");
    ASSERT_EQ(seen.chunks.size(), 3U); // and no [DONE]
    for (std::size_t i = 0; i < 3; ++i) {
        const std::string name = i < 2 ? "image_generation.partial_image" : "image_generation.completed";
        const std::string start = "event: " + name + "\ndata: ";
        ASSERT_THAT(seen.chunks[i], ::testing::StartsWith(start));
        const boost::json::value event = boost::json::parse(seen.chunks[i].substr(start.size()));
        EXPECT_EQ(text(event.at("type")), name);
        EXPECT_EQ(event.as_object().contains("usage"), i == 2);
        if (i < 2) {
            EXPECT_EQ(event.at("partial_image_index").as_int64(), static_cast<std::int64_t>(i));
        }
    }
}

} // namespace
} // namespace modelmesh::testing::detail
