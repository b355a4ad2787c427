// Batches of chat requests through pools: client.batches.submit and .replies.
#include "fixture.hpp"

#include <modelmesh/api/batches.hpp>
#include <modelmesh/api/files.hpp>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh::testing {
namespace {

using support::script;
using support::scripted_server;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const std::string a_file =
    R"({"id":"file-1","object":"file","bytes":2,"created_at":1,"filename":"batch.jsonl","purpose":"batch","status":"processed"})";
const std::string a_batch =
    R"({"id":"batch_1","object":"batch","endpoint":"/v1/chat/completions","input_file_id":"file-1","completion_window":"24h","status":"validating","created_at":1})";
const std::string removed = R"({"id":"file-1","object":"file","deleted":true})";

std::vector<chat::request> questions(const std::vector<std::string>& texts) {
    std::vector<chat::request> all;
    for (const std::string& text : texts) all.emplace_back().messages.push_back(chat::user(text));
    return all;
}

task<result<batches::batch>> submitted(client c, std::vector<chat::request> all) {
    co_return co_await c.batches.try_submit("chat-completion", all);
}

class BatchSubmission : public ScriptedFixture {
protected:
    BatchSubmission() { (void)with({"m"}); }
    /// How a model answers.
    model_delivery& set(const std::string& model) {
        return settings.models.emplace_back(model, model_config()).second.delivery;
    }
    result<batches::batch> submit() { return run(submitted(create(settings), questions({"one", "two"}))); }
};
INSTANTIATE_TEST_SUITE_P(Engines, BatchSubmission, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

task<std::vector<std::string>> answers_to(client c, std::vector<chat::request> all) {
    batches::batch batch = co_await c.batches.submit("chat-completion", all);
    call_options there;
    there.provider(batch.x_modelmesh->provider);
    const result<std::vector<result<chat::reply>>> early = co_await c.batches.try_replies(batch);
    EXPECT_EQ(early.error().kind(), errc::bad_request);
    while (batch.status == "validating" || batch.status == "in_progress")
        batch = co_await c.batches.retrieve(batch.id, there);
    EXPECT_EQ(batch.status, "completed");
    std::vector<std::string> texts;
    const std::vector<result<chat::reply>> replies = co_await c.batches.replies(batch);
    for (const result<chat::reply>& each : replies)
        texts.emplace_back(each ? each->text() : each.error().message);
    co_return texts;
}

TEST_P(BatchSubmission, ItsRepliesComeInTheOrderOfTheRequests) {
    settings.providers.clear();
    start("sim");
    std::vector<std::string> asked;
    for (int i = 0; i < 12; ++i) asked.push_back("Question " + std::to_string(i));
    const std::vector<std::string> texts = run(answers_to(create(settings), questions(asked)));
    ASSERT_THAT(texts, SizeIs(12));
    for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_THAT(texts[i], HasSubstr(asked[i]));
}

TEST_P(BatchSubmission, IsAFileAndABatchOfItForTheModelThatWasChosen) {
    alpha.add(script().read_request().send(answer(a_file)).read_request().send(answer(a_batch)));
    const result<batches::batch> made = submit();
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->x_modelmesh->provider, "alpha");
    EXPECT_EQ(made->x_modelmesh->model, "alpha.m");
    EXPECT_EQ(made->x_modelmesh->attempts, 1);
    const std::string line =
        R"({"custom_id":"request-0","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":"one"}]}})"
        "\n"
        R"({"custom_id":"request-1","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":"two"}]}})"
        "\n";
    EXPECT_THAT(form_of(alpha), HasSubstr("filename=\"batch.jsonl\"\r\n\r\n" + line + "\r\n--#"));
    EXPECT_EQ(
        last(alpha),
        wire(
            alpha, "POST /v1/batches",
            json(
                R"({"input_file_id":"file-1","endpoint":"/v1/chat/completions","completion_window":"24h"})")));
}

// Runtime 5: unsupported rotates and blames nobody.
TEST_P(BatchSubmission, GoesToTheNextProviderWhereOneTakesNoFilesOrNoBatches) {
    const std::string unknown = answer(R"({"error":{"message":"unknown path"}})", "404 Not Found");
    alpha.add(script().read_request().send(unknown));
    beta.add(script().read_request().send(answer(a_file)).read_request().send(answer(a_batch)));
    client c = create(settings);
    result<batches::batch> made = run(submitted(c, questions({"one"})));
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->x_modelmesh->provider, "beta");
    EXPECT_EQ(made->x_modelmesh->attempts, 2);
    for (const pool_status& each : c.pool_status()) EXPECT_EQ(each.standby, 0u) << each.pool;

    alpha.add(script()
                  .read_request()
                  .send(answer(a_file))
                  .read_request()
                  .send(unknown)
                  .read_request()
                  .send(answer(removed)));
    beta.add(script().read_request().send(unknown));
    made = run(submitted(create(settings), questions({"one"})));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind(), errc::unsupported);
    EXPECT_THAT(made.error().attempts, SizeIs(2));
    EXPECT_THAT(last(alpha), HasSubstr("DELETE /v1/files/file-1 ")) << "what nobody will ask for again";
}

TEST_P(BatchSubmission, WhoTakesNoBatchesIsNotAsked) {
    set("alpha.m").batch = false;
    beta.add(script().read_request().send(answer(a_file)).read_request().send(answer(a_batch)));
    EXPECT_EQ(submit()->x_modelmesh->model, "beta.m");
    set("beta.m").batch = false;
    const result<batches::batch> made = submit();
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind(), errc::unsupported);
    EXPECT_EQ(made.error().message,
              "no model of pool 'chat-completion' does all that the request needs (batches): "
              "'alpha.m' lacks batches; 'beta.m' lacks batches");
}

TEST_P(BatchSubmission, AModelForBatchesOnlyTakesThem) {
    set("alpha.m").mode = delivery_mode::batch;
    alpha.add(script().read_request().send(answer(a_file)).read_request().send(answer(a_batch)));
    EXPECT_EQ(submit()->x_modelmesh->model, "alpha.m");
}

TEST_P(BatchSubmission, WhatMayHaveBeenMadeIsNotMadeElsewhere) {
    alpha.add(script().read_request().send(answer(a_file)).read_request().close());
    const result<batches::batch> made = submit();
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().provider, "alpha");
    EXPECT_THAT(made.error().message, HasSubstr("whether the batch was made is not known"));
    EXPECT_THAT(beta.requests(), SizeIs(0));
}

task<result<std::vector<result<chat::reply>>>> replies_of(client c, batches::batch of) {
    co_return co_await c.batches.try_replies(of);
}

TEST_P(BatchSubmission, EachReplyMayHaveFailedByItself) {
    batches::batch of;
    of.id = "batch_1";
    of.output_file_id = "out";
    of.error_file_id = "bad";
    of.request_counts = batches::counts{4, 1, 3};
    of.x_modelmesh = route();
    of.x_modelmesh->provider = "beta";
    const std::string reply =
        R"({"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"4"},"finish_reason":"stop"}]})";
    beta.add(
        script()
            .read_request()
            .send(answer(R"({"id":"r","custom_id":"request-2","response":{"status_code":200,"body":)" +
                         reply + R"(},"error":null})" + "\n"))
            .read_request()
            .send(answer(
                R"({"id":"r","custom_id":"request-0","response":{"status_code":429,"body":{"error":{"message":"slower"}}},"error":null})"
                "\n\n"
                R"({"id":"r","custom_id":"request-3","response":null,"error":{"code":"batch_expired","message":"too late"}})")));
    const auto got = run(replies_of(create(settings), of));
    ASSERT_TRUE(got.has_value()) << got.error().message;
    ASSERT_EQ(got->size(), 4u);
    EXPECT_EQ(got->at(0).error().kind(), errc::rate_limit);
    EXPECT_EQ(got->at(0).error().provider, "beta");
    EXPECT_EQ(got->at(1).error().message, "the batch has no reply to this request");
    EXPECT_EQ(got->at(2)->text(), "4");
    EXPECT_EQ(got->at(3).error().message, "too late");
}

TEST_P(BatchSubmission, WhatIsNoBatchIsSaidAtOnce) {
    client c = create(settings);
    EXPECT_THROW((void)c.batches.try_submit("chat-completion", {}), std::invalid_argument);
    EXPECT_THROW((void)c.batches.try_submit("", questions({"one"})), std::invalid_argument);
    EXPECT_THROW((void)c.batches.try_submit("chat-completion", std::vector<chat::request>(1)),
                 std::invalid_argument);
    std::vector<chat::request> streamed = questions({"one"});
    streamed[0].stream = true;
    EXPECT_THROW((void)c.batches.try_submit("chat-completion", streamed), std::invalid_argument);
}

} // namespace
} // namespace modelmesh::testing
