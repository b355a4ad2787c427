// Files: uploaded, listed, sent back and removed.
#include "service_fixture.hpp"

#include <gmock/gmock.h>

namespace modelmesh::testing::detail {
namespace {

using ::testing::HasSubstr;

std::string upload(provider& sim, const std::string& name, const std::string& bytes,
                   const std::string& purpose = "batch") {
    return form_text().field("purpose", purpose).file("file", name, bytes).post(sim, "/v1/files").body;
}

/// The names in a list, one letter each.
std::string listed(provider& sim, const std::string& query) {
    const seen_reply seen = sim.get("/v1/files" + query);
    EXPECT_EQ(seen.status, 200) << seen.body;
    std::string out;
    const boost::json::value reply = seen.json();
    for (const boost::json::value& file : reply.at("data").as_array()) out += text(file.at("filename"));
    return reply.at("has_more").as_bool() ? out + "+" : out;
}

TEST(Files, ComeBackAsTheyWere) {
    provider sim;
    const std::string bytes("{\"a\":1}\r\n\0\xff", 11);
    const std::string made = upload(sim, "in.jsonl", bytes);
    EXPECT_EQ(without_times(made),
              R"({"id":"file-sim-0000000001","object":"file","bytes":11,"created_at":0,"expires_at":null,)"
              R"("filename":"in.jsonl","purpose":"batch","status":"processed","status_details":null})");
    const std::string own = "/v1/files/file-sim-0000000001";
    EXPECT_EQ(sim.get(own).body, made);
    const seen_reply content = sim.get(own + "/content");
    EXPECT_EQ(content.body, bytes);
    EXPECT_THAT(content.head, HasSubstr("\r\ncontent-type: application/octet-stream\r\n"));
    EXPECT_EQ(sim.call("DELETE", own).body, R"({"id":"file-sim-0000000001","object":"file","deleted":true})");
    EXPECT_EQ(sim.get(own).status, 404);
    EXPECT_EQ(sim.get(own + "/content").status, 404);
    EXPECT_EQ(sim.call("DELETE", own).status, 404);
}

TEST(Files, AreListedInPages) {
    provider sim;
    EXPECT_EQ(sim.get("/v1/files").body,
              R"({"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false})");
    for (const char* name : {"a", "b", "c"}) upload(sim, name, "1");
    upload(sim, "v", "1", "vision");
    // The empty list was the first request, so the files are number 2 to 5.
    EXPECT_EQ(listed(sim, ""), "vcba");
    EXPECT_EQ(listed(sim, "?order=asc&limit=2"), "ab+");
    EXPECT_EQ(listed(sim, "?order=asc&limit=2&after=file-sim-0000000003"), "cv");
    EXPECT_EQ(listed(sim, "?limit=2&after=file-sim-0000000005"), "cb+");
    EXPECT_EQ(listed(sim, "?after=file-sim-0000000002"), "");
    EXPECT_EQ(listed(sim, "?purpose=vision"), "v");
    EXPECT_EQ(sim.get("/v1/files?limit=0").status, 400);
    EXPECT_EQ(sim.get("/v1/files?order=up").status, 400);
    EXPECT_EQ(sim.get("/v1/files?after=none").status, 404);
}

TEST(Files, MayExpire) {
    provider sim;
    form_text sent = form_text().field("purpose", "user_data").file("file", "a", "1");
    const boost::json::value made = sent.field("expires_after[anchor]", "created_at")
                                        .field("expires_after[seconds]", "3600")
                                        .post(sim, "/v1/files")
                                        .json();
    EXPECT_EQ(made.at("expires_at").as_int64(), made.at("created_at").as_int64() + 3600);
}

TEST(Files, RefuseWhatIsWrong) {
    provider sim;
    EXPECT_THAT(form_text().field("purpose", "batch").post(sim, "/v1/files").body,
                HasSubstr(R"("param":"file")"));
    EXPECT_THAT(form_text().file("file", "a", "1").post(sim, "/v1/files").body,
                HasSubstr(R"("param":"purpose")"));
    EXPECT_THAT(upload(sim, "a", "1", "fun"), HasSubstr(R"("param":"purpose")"));
    EXPECT_THAT(form_text()
                    .field("purpose", "batch")
                    .field("expires_after[seconds]", "5")
                    .file("file", "a", "1")
                    .post(sim, "/v1/files")
                    .body,
                HasSubstr(R"("param":"expires_after[seconds]")"));
}

} // namespace
} // namespace modelmesh::testing::detail
