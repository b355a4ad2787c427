// Uploads, batches and jobs: what the simulator keeps besides files and responses. And searching.
#include "service_fixture.hpp"

#include <gmock/gmock.h>

namespace modelmesh::testing::detail {
namespace {

using ::testing::HasSubstr;

std::string member(const seen_reply& seen, const char* name) {
    EXPECT_EQ(seen.status, 200) << seen.body;
    const boost::json::value reply = seen.json();
    const boost::json::value* value = reply.as_object().if_contains(name);
    if (value == nullptr) return "absent";
    return value->is_string() ? text(*value) : boost::json::serialize(*value);
}

seen_reply send_part(provider& sim, const std::string& upload, const std::string& bytes) {
    return form_text().file("data", "part", bytes).post(sim, "/v1/uploads/" + upload + "/parts");
}

std::string start_upload(provider& sim, const std::string& bytes) {
    return member(
        sim.post("/v1/uploads", R"({"filename":"a.jsonl","purpose":"batch","mime_type":"text/plain",)"
                                R"("bytes":)" +
                                    bytes + "}"),
        "id");
}

TEST(StoredUploads, BecomeAFileInTheOrderOfTheirParts) {
    provider sim;
    const std::string id = start_upload(sim, "6");
    const std::string world = member(send_part(sim, id, "def"), "id");
    const std::string hello = member(send_part(sim, id, "abc"), "id");
    const seen_reply done = sim.post("/v1/uploads/" + id + "/complete",
                                     R"({"part_ids":[")" + hello + R"(",")" + world + R"("]})");
    EXPECT_EQ(member(done, "status"), "completed");
    const boost::json::value reply = done.json();
    const std::string file = text(reply.at("file").at("id"));
    EXPECT_EQ(text(reply.at("file").at("filename")), "a.jsonl");
    EXPECT_EQ(sim.get("/v1/files/" + file + "/content").body, "abcdef");
    EXPECT_EQ(sim.post("/v1/uploads/" + id + "/cancel", "").status, 400);
}

TEST(StoredUploads, HaveTheSizeThatWasAnnounced) {
    provider sim;
    const std::string id = start_upload(sim, "4");
    EXPECT_EQ(send_part(sim, id, "abcde").status, 400);
    const std::string part = member(send_part(sim, id, "abc"), "id");
    EXPECT_EQ(sim.problem("/v1/uploads/" + id + "/complete", R"({"part_ids":[")" + part + R"("]})"),
              "part_ids -");
    EXPECT_EQ(sim.problem("/v1/uploads/" + id + "/complete", R"({"part_ids":["none"]})"), "part_ids -");
    EXPECT_EQ(member(sim.post("/v1/uploads/" + id + "/cancel", ""), "status"), "cancelled");
    EXPECT_EQ(send_part(sim, id, "a").status, 400);
    EXPECT_EQ(send_part(sim, "none", "a").status, 404);
    EXPECT_EQ(sim.problem("/v1/uploads", R"({"filename":"a","purpose":"batch","mime_type":"t"})"),
              "bytes missing_required_parameter");
}

std::string input_file(provider& sim, const std::string& lines) {
    return member(
        form_text().field("purpose", "batch").file("file", "in.jsonl", lines).post(sim, "/v1/files"), "id");
}

std::string start_batch(provider& sim, const std::string& file, const std::string& endpoint) {
    return member(sim.post("/v1/batches", R"({"input_file_id":")" + file + R"(","endpoint":")" + endpoint +
                                              R"(","completion_window":"24h"})"),
                  "id");
}

std::string line(const std::string& id, const std::string& url, const std::string& body) {
    return R"({"custom_id":")" + id + R"(","method":"POST","url":")" + url + R"(","body":)" + body + "}\n";
}

TEST(StoredBatches, AnswerEveryLineStepByStep) {
    provider sim;
    const std::string file =
        input_file(sim, line("a", "/v1/embeddings", R"({"model":"m","input":"x"})") +
                            line("b", "/v1/embeddings", R"({"model":"other","input":"x"})"));
    const std::string id = start_batch(sim, file, "/v1/embeddings");
    EXPECT_EQ(member(sim.get("/v1/batches/" + id), "status"), "in_progress");
    const seen_reply done = sim.get("/v1/batches/" + id);
    EXPECT_EQ(member(done, "status"), "completed");
    EXPECT_EQ(member(done, "request_counts"), R"({"total":2,"completed":1,"failed":1})");
    const std::string answers = sim.get("/v1/files/" + member(done, "output_file_id") + "/content").body;
    EXPECT_THAT(answers, HasSubstr(R"("custom_id":"a","response":{"status_code":200,)"));
    EXPECT_THAT(answers, HasSubstr(R"("object":"embedding")"));
    const std::string failures = sim.get("/v1/files/" + member(done, "error_file_id") + "/content").body;
    EXPECT_THAT(failures, HasSubstr(R"("custom_id":"b","response":{"status_code":404,)"));
    EXPECT_EQ(sim.get("/v1/batches/" + id).body, done.body);
    EXPECT_EQ(sim.post("/v1/batches/" + id + "/cancel", "").status, 409);
}

TEST(StoredBatches, AnswerResponsesToo) {
    provider sim;
    const std::string file =
        input_file(sim, line("a", "/v1/responses", R"({"model":"m","input":"Who are you?"})"));
    const std::string id = start_batch(sim, file, "/v1/responses");
    sim.get("/v1/batches/" + id);
    const std::string output = member(sim.get("/v1/batches/" + id), "output_file_id");
    EXPECT_THAT(sim.get("/v1/files/" + output + "/content").body, HasSubstr(R"("object":"response")"));
}

TEST(StoredBatches, OfWrongLinesFail) {
    provider sim;
    const std::string file = input_file(sim, "no json\n" + line("b", "/v1/elsewhere", "{}"));
    const std::string id = start_batch(sim, file, "/v1/embeddings");
    const seen_reply failed = sim.get("/v1/batches/" + id);
    EXPECT_EQ(member(failed, "status"), "failed");
    EXPECT_EQ(failed.json().at("errors").at("data").as_array().size(), 2U);
    EXPECT_EQ(sim.get("/v1/batches/none").status, 404);
    EXPECT_EQ(sim.post("/v1/batches", R"({"input_file_id":"none","endpoint":"/v1/embeddings",)"
                                      R"("completion_window":"24h"})")
                  .status,
              404);
}

TEST(StoredBatches, AreCancelledAndListedInPages) {
    provider sim;
    const std::string file = input_file(sim, "{}");
    const std::string first = start_batch(sim, file, "/v1/embeddings");
    const std::string second = start_batch(sim, file, "/v1/embeddings");
    EXPECT_EQ(member(sim.post("/v1/batches/" + first + "/cancel", ""), "status"), "cancelled");
    EXPECT_EQ(member(sim.get("/v1/batches/" + first), "status"), "cancelled");
    const seen_reply page = sim.get("/v1/batches?limit=1");
    EXPECT_EQ(member(page, "last_id"), second);
    EXPECT_EQ(member(page, "has_more"), "true");
    EXPECT_EQ(member(sim.get("/v1/batches?limit=1&after=" + second), "last_id"), first);
    EXPECT_EQ(member(sim.get("/v1/batches?after=" + first), "data"), "[]");
    EXPECT_EQ(sim.get("/v1/batches?limit=0").status, 400);
    EXPECT_EQ(sim.get("/v1/batches?after=none").status, 404);
}

TEST(StoredJobs, GoOnWhenTheyAreAskedFor) {
    provider sim;
    const std::string file = input_file(sim, "{}");
    const std::string id =
        member(sim.post("/v1/fine_tuning/jobs", R"({"model":"m","training_file":")" + file + R"("})"), "id");
    const std::string job = "/v1/fine_tuning/jobs/" + id;
    EXPECT_EQ(member(sim.get(job), "status"), "queued");
    EXPECT_EQ(member(sim.post(job + "/pause", ""), "status"), "paused");
    EXPECT_EQ(member(sim.get(job), "status"), "paused");
    EXPECT_EQ(member(sim.post(job + "/resume", ""), "status"), "queued");
    EXPECT_EQ(sim.post(job + "/resume", "").status, 400);
    EXPECT_EQ(member(sim.get(job + "/checkpoints"), "data"), "[]");
    EXPECT_EQ(member(sim.get(job), "status"), "running");
    const seen_reply done = sim.get(job);
    EXPECT_EQ(member(done, "status"), "succeeded");
    EXPECT_EQ(member(done, "fine_tuned_model"), "ft:m:" + id);
    EXPECT_EQ(member(sim.get(job + "/checkpoints"), "last_id"), "ftckpt-" + id);
    const boost::json::value events = sim.get(job + "/events?limit=2").json();
    EXPECT_EQ(text(events.at("data").as_array().at(0).at("message")), "The job is now: succeeded");
    EXPECT_TRUE(events.at("has_more").as_bool());
    EXPECT_EQ(sim.post(job + "/cancel", "").status, 400);
    EXPECT_EQ(member(sim.get("/v1/fine_tuning/jobs"), "first_id"), id);
    EXPECT_EQ(sim.get("/v1/fine_tuning/jobs/none").status, 404);
}

TEST(StoredJobs, MakeModelsThatAnswerUntilTheyAreRemoved) {
    provider sim;
    const std::string file = input_file(sim, "{}");
    const std::string id =
        member(sim.post("/v1/fine_tuning/jobs", R"({"model":"m","training_file":")" + file + R"("})"), "id");
    const std::string model = "/v1/models/ft%3Am%3A" + id;
    EXPECT_EQ(sim.get(model).status, 404) << "not made yet";
    EXPECT_EQ(sim.call("DELETE", model).status, 404);
    for (int i = 0; i < 3; ++i) (void)sim.get("/v1/fine_tuning/jobs/" + id);
    EXPECT_EQ(member(sim.get(model), "id"), "ft:m:" + id);
    EXPECT_EQ(member(sim.get("/v1/models/ft:m:" + id), "id"), "ft:m:" + id);
    EXPECT_EQ(sim.get("/v1/models").json().at("data").as_array().size(), 2U);
    EXPECT_EQ(sim.post("/v1/embeddings", R"({"model":"ft:m:)" + id + R"(","input":"a"})").status, 200);
    EXPECT_EQ(sim.call("DELETE", "/v1/models/m").status, 403) << "not made by a job";
    EXPECT_EQ(sim.call("DELETE", model).body,
              R"({"id":"ft:m:)" + id + R"(","object":"model","deleted":true})");
    EXPECT_EQ(sim.get(model).status, 404);
    EXPECT_EQ(sim.call("DELETE", model).status, 404);
}

TEST(Search, FindsPagesThatDependOnTheQueryAlone) {
    provider sim;
    const seen_reply seen =
        sim.post("/v1/search", R"({"model":"m","query":"cats","max_results":2,"include_answer":true})");
    const boost::json::value reply = seen.json();
    EXPECT_EQ(text(reply.at("answer")), "You searched for: cats");
    ASSERT_EQ(reply.at("results").as_array().size(), 2U);
    EXPECT_EQ(text(reply.at("results").as_array()[1].at("title")), "Page 2 about cats");
    EXPECT_EQ(sim.problem("/v1/search", R"({"model":"m"})"), "query missing_required_parameter");
    EXPECT_EQ(sim.problem("/v1/search", R"({"model":"m","query":"x","max_results":0})"),
              "max_results integer_below_min_value");
}

TEST(StoredResponses, KeepWhatTheyWereAskedWith) {
    provider sim;
    const std::string id = member(sim.post("/v1/responses", R"({"model":"m","input":[
        {"role":"user","content":"one"},{"type":"function_call_output","id":"x","call_id":"c","output":"two"}]})"),
                                  "id");
    const boost::json::value items = sim.get("/v1/responses/" + id + "/input_items?order=asc").json();
    ASSERT_EQ(items.at("data").as_array().size(), 2U);
    EXPECT_EQ(text(items.at("data").as_array()[0].at("type")), "message");
    EXPECT_EQ(text(items.at("last_id")), "x");
    EXPECT_EQ(sim.get("/v1/responses/none/input_items").status, 404);
}

} // namespace
} // namespace modelmesh::testing::detail
