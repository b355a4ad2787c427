// Routes, and which rule of a script is for which of them.
#include "service_fixture.hpp"

#include <gmock/gmock.h>

namespace modelmesh::testing::detail {
namespace {

using ::testing::HasSubstr;

TEST(Routes, TellAWrongPathFromAWrongMethod) {
    provider sim;
    EXPECT_THAT(sim.get("/v1/nothing").body, HasSubstr(R"("code":"unknown_url")"));
    EXPECT_EQ(sim.get("/v1/nothing").status, 404);
    EXPECT_EQ(sim.get("/v1/embeddings").status, 405);
    EXPECT_THAT(sim.get("/v1/embeddings?a=b").body, HasSubstr("Not allowed to GET on /v1/embeddings."));
    EXPECT_EQ(sim.get("/v1/embeddings/").status, 404);
    EXPECT_EQ(sim.get("/health?verbose").body, R"({"status":"ok"})");
}

TEST(Routes, AnIdOfAModelMayHaveSlashes) {
    simulator_options settings;
    settings.models = {"meta/llama"};
    service sim(settings);
    recorded_request request;
    request.method = "GET";
    request.target = "/v1/models/meta/llama";
    EXPECT_EQ(read_reply(sim.respond(request, true).content).status, 200);
}

TEST(Routes, AModelThatIsNotServedIsUnknownOnAll) {
    provider sim;
    EXPECT_EQ(sim.post("/v1/embeddings", R"({"model":"x","input":"a"})").status, 404);
    EXPECT_EQ(sim.post("/v1/moderations", R"({"model":"x","input":"a"})").status, 404);
    EXPECT_EQ(sim.post("/v1/moderations", R"({"input":"a"})").status, 200);
}

TEST(Routes, ARuleWithAPathIsForThisRouteAlone) {
    provider sim(R"({"rules":[{"path":"embeddings","status":503},{"path":"completions","text":"x"},
                              {"status":429}]})");
    EXPECT_EQ(sim.post("/v1/moderations", R"({"model":"m","input":"a"})").status, 429);
    EXPECT_EQ(sim.post("/v1/moderations", R"({"model":"m","input":"a"})").status, 200);
    EXPECT_EQ(sim.post("/v1/embeddings", R"({"model":"m","input":"a"})").status, 503);
    EXPECT_EQ(sim.post("/v1/embeddings", R"({"model":"m","input":"a"})").status, 200);
    EXPECT_THAT(sim.post("/v1/completions", R"({"model":"m","prompt":"a"})").body,
                HasSubstr(R"("text":"x")"));
}

TEST(Routes, EveryPathOfARuleIsARoute) {
    for (const std::string_view path : scripted_paths) {
        provider sim;
        EXPECT_EQ(sim.post("/v1/" + std::string(path), "").status, 400) << path;
    }
}

TEST(Routes, AWrongRequestTakesNoRule) {
    provider sim(R"({"rules":[{"status":503}]})");
    EXPECT_EQ(sim.post("/v1/embeddings", R"({"model":"m"})").status, 400);
    EXPECT_EQ(sim.post("/v1/embeddings", R"({"model":"m","input":"a"})").status, 503);
}

TEST(Requests, AreRefusedWithTheVendorsWords) {
    provider sim;
    const auto message = [&](const std::string& body) {
        return std::string(
            sim.post("/v1/images/generations", body).json().at("error").at("message").as_string());
    };
    EXPECT_EQ(message("[]"),
              "We could not parse the JSON body of your request. The API expects a JSON object.");
    EXPECT_EQ(message(R"({"model":"m"})"), "Missing required parameter: 'prompt'.");
    EXPECT_EQ(message(R"({"model":"m","prompt":null})"), "Missing required parameter: 'prompt'.");
    EXPECT_EQ(message(R"({"model":"m","prompt":1})"),
              "Invalid type for 'prompt': expected a string, but got an integer instead.");
    EXPECT_EQ(message(R"({"model":"m","prompt":"a","n":11})"),
              "Invalid 'n': integer above maximum value. Expected a value <= 10, but got 11 instead.");
    EXPECT_EQ(message(R"({"model":"m","prompt":"a","n":0})"),
              "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.");
    EXPECT_EQ(message(R"({"model":"m","prompt":"a","response_format":"x"})"),
              "Invalid value: 'x'. Supported values are: 'url' and 'b64_json'.");
    EXPECT_EQ(message(R"({"model":"m","prompt":"a","output_format":"x"})"),
              "Invalid value: 'x'. Supported values are: 'png', 'jpeg' and 'webp'.");
}

} // namespace
} // namespace modelmesh::testing::detail
