// Calls about what a provider keeps: the bytes that go out, to whom, and what is tried again.
#include "fixture.hpp"
#include "support/body_sources.hpp"

#include <modelmesh/api/batches.hpp>
#include <modelmesh/api/files.hpp>
#include <modelmesh/api/fine_tuning.hpp>
#include <modelmesh/api/models.hpp>
#include <modelmesh/api/responses.hpp>
#include <modelmesh/api/search.hpp>
#include <modelmesh/api/uploads.hpp>
#include <modelmesh/connector/openai_compatible.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/core/log.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <gmock/gmock.h>

#include <exception>
#include <future>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh::testing {
namespace {

using support::script;
using support::scripted_server;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string soon = "retry-after-ms: 1\r\n";
const std::string busy = answer(R"({"error":{"message":"later"}})", "503 Service Unavailable", soon);
const std::string limited = answer(R"({"error":{"message":"slower"}})", "429 Too Many Requests", soon);

class ClientObjects : public ScriptedFixture {
protected:
    client connected() { return with({}); }
    /// Calls once; the first provider gives the reply. What it was asked.
    template <class T> std::string asked(const std::string& reply, task<T> (*call)(client)) {
        const client c = connected();
        alpha.add(script().read_request().send(answer(reply)));
        const T got = run(call(c));
        EXPECT_EQ(got.x_modelmesh->provider, "alpha");
        EXPECT_EQ(got.x_modelmesh->attempts, 1);
        return last(alpha);
    }
};
INSTANTIATE_TEST_SUITE_P(Engines, ClientObjects, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

const std::string nothing = "\r\n";
const std::string empty_body = "Content-Length: 0\r\n\r\n";
const std::string page_of_nothing = R"({"object":"list","data":[],"has_more":false})";

const std::string form_head = "Content-Type: multipart/form-data; boundary=#\r\nContent-Length: N\r\n\r\n";
const std::string part = "--#\r\nContent-Disposition: form-data; name=";

const std::string a_file =
    R"({"id":"file-1","object":"file","bytes":2,"created_at":1,"filename":"a.jsonl","purpose":"batch","status":"processed"})";

task<files::file> upload(client c) {
    files::request file;
    file.file = http::attach_bytes("a.jsonl", "{}");
    file.purpose = "batch";
    file.expires_after = batches::expiry{"created_at", 3600};
    co_return co_await c.files.create(file);
}

TEST_P(ClientObjects, AFileIsUploadedAsAForm) {
    const std::string request = asked<files::file>(a_file, upload);
    EXPECT_EQ(without_boundary(request), wire(alpha, "POST /v1/files",
                                              form_head + part + "\"purpose\"\r\n\r\nbatch\r\n" + part +
                                                  "\"expires_after[anchor]\"\r\n\r\ncreated_at\r\n" + part +
                                                  "\"expires_after[seconds]\"\r\n\r\n3600\r\n" + part +
                                                  "\"file\"; filename=\"a.jsonl\"\r\n\r\n{}\r\n--#--\r\n"));
    client c = connected();
    const files::request no_file;
    EXPECT_THROW((void)c.files.try_create(no_file), std::invalid_argument);
}

TEST_P(ClientObjects, FilesAreListedPageByPage) {
    EXPECT_EQ(asked<files::list>(page_of_nothing,
                                 [](client c) -> task<files::list> { co_return co_await c.files.list(); }),
              wire(alpha, "GET /v1/files", nothing));
    const client c = connected();
    beta.add(
        script().read_request().send(answer(R"({"object":"list","data":[)" + a_file +
                                            R"(],"first_id":"file-1","last_id":"file-1","has_more":true})")));
    const auto next_page = [](client by) -> task<files::list> {
        files::query which;
        which.after = "file-0";
        which.limit = 1;
        which.order = "asc";
        which.purpose = "fine-tune & more";
        co_return co_await by.files.list(which, call_options().provider("beta"));
    };
    const files::list got = run(next_page(c));
    EXPECT_EQ(got.data.at(0).id, "file-1");
    EXPECT_EQ(got.last_id, "file-1");
    EXPECT_EQ(got.has_more, true);
    EXPECT_EQ(got.x_modelmesh->provider, "beta");
    EXPECT_EQ(
        last(beta),
        wire(beta, "GET /v1/files?after=file-0&limit=1&order=asc&purpose=fine-tune%20%26%20more", nothing));
}

const std::string zero("a\0b", 3);

TEST_P(ClientObjects, AFileIsAskedForAndRemovedByItsId) {
    EXPECT_EQ(
        asked<files::file>(
            a_file, [](client c) -> task<files::file> { co_return co_await c.files.retrieve("file-1"); }),
        wire(alpha, "GET /v1/files/file-1", nothing));
    EXPECT_EQ(asked<deletion>(R"({"id":"file-1","object":"file","deleted":true})",
                              [](client c) -> task<deletion> {
                                  deletion done = co_await c.files.remove("file-1");
                                  EXPECT_TRUE(done.deleted);
                                  co_return done;
                              }),
              wire(alpha, "DELETE /v1/files/file-1", nothing));
    EXPECT_EQ(asked<files::content>(zero,
                                    [](client c) -> task<files::content> {
                                        files::content got = co_await c.files.content("file-1");
                                        EXPECT_EQ(got.bytes, zero);
                                        co_return got;
                                    }),
              wire(alpha, "GET /v1/files/file-1/content", nothing, "*/*"));
}

TEST_P(ClientObjects, AnIdIsOneSegmentOfThePathWhateverItHas) {
    EXPECT_EQ(asked<files::file>(a_file,
                                 [](client c) -> task<files::file> {
                                     co_return co_await c.files.retrieve("../a b?c=d#\xc3\xa9%2F~-._");
                                 }),
              wire(alpha, "GET /v1/files/..%2Fa%20b%3Fc%3Dd%23%C3%A9%252F~-._", nothing));
    client c = connected();
    for (const char* id : {"", ".", ".."}) {
        EXPECT_THROW((void)c.files.try_retrieve(id), std::invalid_argument);
        EXPECT_THROW((void)c.batches.try_cancel(id), std::invalid_argument);
    }
}

TEST_P(ClientObjects, UploadsAreMadeOfParts) {
    const std::string an_upload =
        R"({"id":"upload-1","object":"upload","bytes":4,"created_at":1,"filename":"a","purpose":"batch","status":"pending","expires_at":2})";
    const std::string body =
        R"({"filename":"a","purpose":"batch","bytes":4,"mime_type":"application/jsonl"})";
    EXPECT_EQ(asked<uploads::upload>(an_upload,
                                     [](client c) -> task<uploads::upload> {
                                         uploads::request wanted;
                                         wanted.filename = "a";
                                         wanted.purpose = "batch";
                                         wanted.bytes = 4;
                                         wanted.mime_type = "application/jsonl";
                                         co_return co_await c.uploads.create(wanted);
                                     }),
              wire(alpha, "POST /v1/uploads", json(body)));
    const std::string request = asked<uploads::part>(
        R"({"id":"part-1","created_at":1,"upload_id":"upload-1","object":"upload.part"})",
        [](client c) -> task<uploads::part> {
            co_return co_await c.uploads.parts.create("upload-1", http::attach_bytes("part", "abcd"));
        });
    EXPECT_EQ(without_boundary(request),
              wire(alpha, "POST /v1/uploads/upload-1/parts",
                   form_head + part + "\"data\"; filename=\"part\"\r\n\r\nabcd\r\n--#--\r\n"));
    EXPECT_EQ(asked<uploads::upload>(an_upload,
                                     [](client c) -> task<uploads::upload> {
                                         uploads::completion parts;
                                         parts.part_ids = {"part-2", "part-1"};
                                         co_return co_await c.uploads.complete("upload-1", parts);
                                     }),
              wire(alpha, "POST /v1/uploads/upload-1/complete", json(R"({"part_ids":["part-2","part-1"]})")));
    EXPECT_EQ(asked<uploads::upload>(
                  an_upload,
                  [](client c) -> task<uploads::upload> { co_return co_await c.uploads.cancel("upload-1"); }),
              wire(alpha, "POST /v1/uploads/upload-1/cancel", empty_body));
}

TEST_P(ClientObjects, BatchesAreMadeAndWatched) {
    const std::string a_batch =
        R"({"id":"batch_1","object":"batch","endpoint":"/v1/embeddings","input_file_id":"file-1","completion_window":"24h","status":"validating","created_at":1})";
    using batches::batch;
    EXPECT_EQ(
        asked<batch>(a_batch,
                     [](client c) -> task<batch> {
                         batches::request work;
                         work.input_file_id = "file-1";
                         work.endpoint = "/v1/embeddings";
                         co_return co_await c.batches.create(work);
                     }),
        wire(alpha, "POST /v1/batches",
             json(R"({"input_file_id":"file-1","endpoint":"/v1/embeddings","completion_window":"24h"})")));
    EXPECT_EQ(asked<batch>(a_batch,
                           [](client c) -> task<batch> { co_return co_await c.batches.retrieve("batch_1"); }),
              wire(alpha, "GET /v1/batches/batch_1", nothing));
    EXPECT_EQ(asked<batch>(a_batch,
                           [](client c) -> task<batch> { co_return co_await c.batches.cancel("batch_1"); }),
              wire(alpha, "POST /v1/batches/batch_1/cancel", empty_body));
    EXPECT_EQ(asked<batches::list>(page_of_nothing,
                                   [](client c) -> task<batches::list> {
                                       page which;
                                       which.after = "batch_0";
                                       which.limit = 20;
                                       co_return co_await c.batches.list(which);
                                   }),
              wire(alpha, "GET /v1/batches?after=batch_0&limit=20", nothing));
}

TEST_P(ClientObjects, JobsTuneModels) {
    const std::string a_job =
        R"({"id":"ftjob-1","object":"fine_tuning.job","created_at":1,"status":"queued","model":"m","organization_id":"o","training_file":"file-1","result_files":[],"seed":1,"error":null})";
    using fine_tuning::job;
    EXPECT_EQ(asked<job>(a_job,
                         [](client c) -> task<job> {
                             fine_tuning::request work;
                             work.model = "m";
                             work.training_file = "file-1";
                             co_return co_await c.fine_tuning.jobs.create(work);
                         }),
              wire(alpha, "POST /v1/fine_tuning/jobs", json(R"({"model":"m","training_file":"file-1"})")));
    const std::string one = "/v1/fine_tuning/jobs/ftjob-1";
    EXPECT_EQ(
        asked<job>(a_job,
                   [](client c) -> task<job> { co_return co_await c.fine_tuning.jobs.retrieve("ftjob-1"); }),
        wire(alpha, "GET " + one, nothing));
    EXPECT_EQ(
        asked<job>(a_job,
                   [](client c) -> task<job> { co_return co_await c.fine_tuning.jobs.cancel("ftjob-1"); }),
        wire(alpha, "POST " + one + "/cancel", empty_body));
    EXPECT_EQ(
        asked<job>(a_job,
                   [](client c) -> task<job> { co_return co_await c.fine_tuning.jobs.pause("ftjob-1"); }),
        wire(alpha, "POST " + one + "/pause", empty_body));
    EXPECT_EQ(
        asked<job>(a_job,
                   [](client c) -> task<job> { co_return co_await c.fine_tuning.jobs.resume("ftjob-1"); }),
        wire(alpha, "POST " + one + "/resume", empty_body));
    EXPECT_EQ(asked<fine_tuning::job_list>(page_of_nothing,
                                           [](client c) -> task<fine_tuning::job_list> {
                                               fine_tuning::query which;
                                               which.limit = 2;
                                               which.metadata["team"] = "a b";
                                               co_return co_await c.fine_tuning.jobs.list(which);
                                           }),
              wire(alpha, "GET /v1/fine_tuning/jobs?limit=2&metadata%5Bteam%5D=a%20b", nothing));
    EXPECT_EQ(asked<fine_tuning::event_list>(page_of_nothing,
                                             [](client c) -> task<fine_tuning::event_list> {
                                                 co_return co_await c.fine_tuning.jobs.list_events("ftjob-1");
                                             }),
              wire(alpha, "GET " + one + "/events", nothing));
    EXPECT_EQ(asked<fine_tuning::checkpoint_list>(page_of_nothing,
                                                  [](client c) -> task<fine_tuning::checkpoint_list> {
                                                      page which;
                                                      which.after = "ftckpt_0";
                                                      co_return co_await c.fine_tuning.jobs.checkpoints.list(
                                                          "ftjob-1", which);
                                                  }),
              wire(alpha, "GET " + one + "/checkpoints?after=ftckpt_0", nothing));
}

TEST_P(ClientObjects, StoredResponsesAreFoundAgain) {
    // A response that failed is one, and its provider has answered well.
    const std::string failed =
        R"({"id":"resp_1","object":"response","created_at":1,"status":"failed","error":{"code":"server_error","message":"no"},"output":[]})";
    using responses::reply;
    EXPECT_EQ(asked<reply>(failed,
                           [](client c) -> task<reply> {
                               reply got = co_await c.responses.retrieve("resp_1");
                               EXPECT_EQ(got.status, "failed");
                               co_return got;
                           }),
              wire(alpha, "GET /v1/responses/resp_1", nothing));
    EXPECT_EQ(asked<reply>(failed,
                           [](client c) -> task<reply> { co_return co_await c.responses.cancel("resp_1"); }),
              wire(alpha, "POST /v1/responses/resp_1/cancel", empty_body));
    EXPECT_EQ(
        asked<deletion>(R"({"id":"resp_1","object":"response","deleted":true})",
                        [](client c) -> task<deletion> { co_return co_await c.responses.remove("resp_1"); }),
        wire(alpha, "DELETE /v1/responses/resp_1", nothing));
    EXPECT_EQ(
        asked<responses::item_list>(page_of_nothing,
                                    [](client c) -> task<responses::item_list> {
                                        responses::item_query which;
                                        which.order = "asc";
                                        which.include = {"message.input_image.image_url"};
                                        co_return co_await c.responses.list_input_items("resp_1", which);
                                    }),
        wire(alpha,
             "GET /v1/responses/resp_1/input_items?order=asc&include%5B%5D=message.input_image.image_url",
             nothing));
}

TEST_P(ClientObjects, AQuerySaysHowMuchIsToldOfAResponse) {
    EXPECT_EQ(asked<responses::reply>(R"({"id":"resp_1","output":[]})",
                                      [](client c) -> task<responses::reply> {
                                          responses::query which;
                                          which.include = {"message.output_text.logprobs", "b"};
                                          which.include_obfuscation = true;
                                          which.starting_after = 7;
                                          co_return co_await c.responses.retrieve("resp_1", which);
                                      }),
              wire(alpha,
                   "GET /v1/responses/resp_1?include%5B%5D=message.output_text.logprobs&include%5B%5D=b"
                   "&starting_after=7&include_obfuscation=true",
                   nothing));
}

// The types of a stored response's events with their texts, and how it ended.
task<std::string> told_again(client c, std::string provider = {}) {
    responses::query which;
    which.include = {"reasoning.encrypted_content"};
    which.include_obfuscation = false;
    which.starting_after = 3;
    result<item_stream<responses::event>> opened =
        co_await c.responses.try_retrieve_stream("resp_1", which, call_options().provider(provider));
    if (!opened)
        co_return "not opened: " + std::string(to_string(opened.error().kind())) + ": " +
            opened.error().message;
    std::string seen = opened->route().provider + ":";
    for (;;) {
        const result<std::optional<responses::event>> next = co_await opened->try_read();
        if (!next)
            co_return seen + "|" + std::string(to_string(next.error().kind())) + " " + next.error().provider +
                ": " + next.error().message;
        if (!*next) co_return seen;
        seen.append(" ").append((*next)->type.substr(9)).append((*next)->text_delta());
    }
}

const std::string told_more =
    event(R"({"type":"response.output_text.delta","item_id":"m","delta":"lo","sequence_number":4})");
const std::string told_all = event(
    R"({"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[]},"sequence_number":5})");

TEST_P(ClientObjects, AStoredResponseIsStreamedOn) {
    const client c = connected();
    beta.add(script().read_request().send_apart(events(told_more + told_all), 150).close());
    EXPECT_EQ(run(told_again(c, "beta")), "beta: output_text.deltalo completed");
    EXPECT_EQ(last(beta),
              wire(beta,
                   "GET /v1/responses/resp_1?include%5B%5D=reasoning.encrypted_content&stream=true"
                   "&starting_after=3&include_obfuscation=false",
                   nothing, "text/event-stream"));
    const auto from_the_first = [](client by) -> task<std::string> {
        item_stream<responses::event> all = co_await by.responses.retrieve_stream("resp_1");
        std::string types;
        while (const std::optional<responses::event> next = co_await all.next()) types += next->type;
        co_return types;
    };
    alpha.add(script().read_request().send(events(told_all)).close());
    EXPECT_EQ(run(from_the_first(c)), "response.completed");
    EXPECT_EQ(last(alpha), wire(alpha, "GET /v1/responses/resp_1?stream=true", nothing, "text/event-stream"));
}

TEST_P(ClientObjects, AStoredResponseThatIsNotStreamedToItsEndSaysWhy) {
    const client c = connected();
    alpha.add(script().read_request().send(busy).close());
    alpha.add(script().read_request().send(events(told_more)).close());
    EXPECT_EQ(run(told_again(c)),
              "alpha: output_text.deltalo|protocol alpha: the stream ended without its last "
              "event: the reply is truncated");
    const std::string failed = event(
        R"({"type":"response.failed","response":{"error":{"code":"server_error","message":"no secret-key"}}})");
    alpha.add(script().read_request().send(events(told_more + failed)).close());
    EXPECT_EQ(run(told_again(c)), "alpha: output_text.deltalo|upstream alpha: no ***");
    alpha.add(
        script().read_request().send(answer(R"({"error":{"message":"gone"}})", "404 Not Found")).close());
    EXPECT_EQ(run(told_again(c)), "not opened: not_found: gone");
}

task<models::model> model_of(client c, std::string id, std::string provider) {
    co_return co_await c.models.retrieve(id, call_options().provider(provider));
}

TEST_P(ClientObjects, AModelThatTheMeshKnowsIsAsItIsListed) {
    client c = with({"gpt-5", "tts-1"});
    const models::list all = run(c.models.list());
    const models::model& alphas = all.data.at(0);
    const models::model& betas = all.data.at(2);
    EXPECT_EQ(alphas.id, "alpha.gpt-5");
    EXPECT_EQ(betas.id, "beta.gpt-5");
    EXPECT_EQ(betas.owned_by, "beta");
    for (const char* name : {"gpt-5", "alpha.gpt-5", "chat-completion", "chat"})
        EXPECT_EQ(run(model_of(c, name, "")), alphas) << name;
    EXPECT_EQ(run(model_of(c, "beta.gpt-5", "")), betas);
    EXPECT_EQ(run(model_of(c, "text-to-speech", "")), all.data.at(1));
    EXPECT_EQ(alpha.accepted() + beta.accepted(), 0u);
}

const std::string tuned_model = R"({"id":"ft:gpt-5:org::1","object":"model","created":7,"owned_by":"org"})";

TEST_P(ClientObjects, AnotherModelIsAskedForAtOneProvider) {
    const client c = with({"gpt-5"});
    const std::string line = "GET /v1/models/ft%3Agpt-5%3Aorg%3A%3A1";
    alpha.add(script().read_request().send(answer(tuned_model)).close());
    const models::model got = run(model_of(c, "ft:gpt-5:org::1", ""));
    EXPECT_EQ(got.id, "ft:gpt-5:org::1");
    EXPECT_EQ(got.created, 7);
    EXPECT_EQ(got.x_modelmesh->provider, "alpha");
    EXPECT_EQ(last(alpha), wire(alpha, line, nothing));
    // By the provider with whose name the id begins, and by the one that the call names.
    const std::vector<std::pair<std::string, std::string>> ways{
        {"beta.ft:gpt-5:org::1", ""}, {"ft:gpt-5:org::1", "beta"}, {"beta.ft:gpt-5:org::1", "beta"}};
    for (const auto& [id, provider] : ways) {
        beta.add(script().read_request().send(answer(tuned_model)).close());
        EXPECT_EQ(run(model_of(c, id, provider)).x_modelmesh->provider, "beta") << id;
        EXPECT_EQ(last(beta), wire(beta, line, nothing)) << id;
    }
    // A provider that the call names is asked also for what the mesh knows: it has more to say.
    beta.add(script().read_request().send(answer(tuned_model)).close());
    EXPECT_EQ(run(model_of(c, "gpt-5", "beta")).created, 7);
    EXPECT_EQ(last(beta), wire(beta, "GET /v1/models/gpt-5", nothing));
    beta.add(script().read_request().send(answer(tuned_model)).close());
    (void)run(model_of(c, "alpha.gpt-5", "beta"));
    EXPECT_EQ(last(beta), wire(beta, "GET /v1/models/alpha.gpt-5", nothing))
        << "the name of another provider";

    alpha.add(
        script().read_request().send(answer(R"({"error":{"message":"no such model"}})", "404 Not Found")));
    const auto tried = [](client by, std::string id, std::string provider) -> task<result<models::model>> {
        co_return co_await by.models.try_retrieve(id, call_options().provider(provider));
    };
    result<models::model> lost = run(tried(c, "gpt-9", ""));
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().kind(), errc::not_found);
    EXPECT_EQ(lost.error().message, "no such model (no pool or model named 'gpt-9'; did you mean 'gpt-5'?)");
    EXPECT_EQ(lost.error().provider, "alpha");
    lost = run(tried(c, "gpt-5", "gamma"));
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().message, "there is no provider 'gamma', but 'alpha', 'beta'");
    client mine = c;
    for (const char* id : {"", ".", "..", "beta..."}) {
        EXPECT_THROW((void)mine.models.try_retrieve(id), std::invalid_argument);
        EXPECT_THROW((void)mine.models.try_remove(id), std::invalid_argument);
    }
}

TEST_P(ClientObjects, ATunedModelIsRemovedWhereItIs) {
    const std::string done = R"({"id":"ft:m","object":"model","deleted":true})";
    EXPECT_EQ(
        asked<deletion>(done, [](client c) -> task<deletion> { co_return co_await c.models.remove("ft:m"); }),
        wire(alpha, "DELETE /v1/models/ft%3Am", nothing));
    const client c = connected();
    const auto removed = [](client by, std::string id, std::string provider) -> task<deletion> {
        co_return co_await by.models.remove(id, call_options().provider(provider));
    };
    const std::vector<std::pair<std::string, std::string>> ways{{"beta.ft:m", ""}, {"ft:m", "beta"}};
    for (const auto& [id, provider] : ways) {
        beta.add(script().read_request().send(answer(done)).close());
        const deletion got = run(removed(c, id, provider));
        EXPECT_TRUE(got.deleted);
        EXPECT_EQ(got.x_modelmesh->provider, "beta");
        EXPECT_EQ(last(beta), wire(beta, "DELETE /v1/models/ft%3Am", nothing));
    }
}

// ----------------------------------------------------------------------------------------------------
// failures

task<result<files::file>> retrieved(client c, call_options opt = call_options()) {
    co_return co_await c.files.try_retrieve("file-1", opt);
}

TEST_P(ClientObjects, AnUnknownIdIsNotFoundAndOnlyOneProviderIsAsked) {
    const client c = connected();
    alpha.add(script().read_request().send(
        answer(R"({"error":{"message":"No such File object: file-1, secret-key","param":"id","code":null}})",
               "404 Not Found", "x-request-id: req-7\r\n")));
    const result<files::file> got = run(retrieved(c));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::not_found);
    EXPECT_THAT(got.error().message, StartsWith("No such File object: file-1"));
    EXPECT_THAT(got.error().message, ::testing::Not(HasSubstr("secret-key")));
    EXPECT_EQ(got.error().provider, "alpha");
    EXPECT_EQ(got.error().param, "id");
    EXPECT_EQ(got.error().request_id, "req-7");
    ASSERT_EQ(got.error().attempts.size(), 1u);
    EXPECT_EQ(got.error().attempts[0].http_status, 404);
    EXPECT_EQ(beta.accepted(), 0u);
}

TEST_P(ClientObjects, AnUnknownProviderIsNotFound) {
    const client c = connected();
    const result<files::file> got = run(retrieved(c, call_options().provider("gamma")));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::not_found);
    EXPECT_EQ(got.error().message, "there is no provider 'gamma', but 'alpha', 'beta'");
}

// A vendor without files.
class plain_provider final : public connector::provider {
public:
    result<void> encode(const prepared_request&, const connector::target&, http::request&) const override {
        return {};
    }
    result<std::string> decode(const prepared_request&, http::response&&) const override { return ""; }
    [[nodiscard]] fault classify(const http::response&,
                                 std::chrono::system_clock::time_point) const override {
        return {};
    }
    [[nodiscard]] std::unique_ptr<connector::stream_decoder> open_stream(
        const prepared_request&) const override {
        return nullptr;
    }
    result<void> encode_list_models(const connector::target&, http::request&) const override { return {}; }
    result<std::vector<connector::model_info>> decode_list_models(http::response&&) const override {
        return std::vector<connector::model_info>();
    }
};

TEST_P(ClientObjects, AProviderThatKeepsNothingSaysSo) {
    connector::registry connectors;
    ASSERT_TRUE(connectors.add_provider("plain.v1", [] { return std::make_unique<plain_provider>(); }));
    provider_config provider;
    provider.connector = "plain.v1";
    provider.base_url = "http://127.0.0.1:1/v1";
    provider.proxy = "none";
    settings.providers.emplace_back("plain", provider);
    const result<files::file> got = run(retrieved(create(settings, connectors)));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::unsupported);
    EXPECT_EQ(got.error().message, "provider 'plain': no calls about files");
    EXPECT_EQ(got.error().provider, "plain");
}

// It has objects, and no streams about them.
class whole_provider final : public connector::openai_compatible {
public:
    [[nodiscard]] std::unique_ptr<connector::stream_decoder> open_object_stream(
        const connector::object_call&) const override {
        return nullptr;
    }
};

TEST_P(ClientObjects, AProviderWithoutStreamsAboutObjectsSaysSo) {
    (void)connected(); // settings
    connector::registry connectors;
    ASSERT_TRUE(connectors.add_provider("openai.llm.v1", [] { return std::make_unique<whole_provider>(); }));
    EXPECT_EQ(run(told_again(create(settings, connectors))),
              "not opened: unsupported: provider 'alpha': no streams about responses");
    EXPECT_EQ(alpha.accepted(), 0u);
}

TEST_P(ClientObjects, WhatOnlyReadsIsSentAgain) {
    for (const std::string& bad : {busy, limited, std::string()}) {
        const client c = connected();
        for (int i = 0; i < 2; ++i)
            alpha.add(bad.empty() ? script().read_request().reset()
                                  : script().read_request().send(bad).close());
        alpha.add(script().read_request().send(answer(a_file)));
        const result<files::file> got = run(retrieved(c));
        ASSERT_TRUE(got) << bad << got.error().message;
        EXPECT_EQ(got->x_modelmesh->attempts, 3);
    }
}

TEST_P(ClientObjects, ThreeTimesAndNotWhereTheWaitIsLongerThanTheCall) {
    client c = connected();
    for (int i = 0; i < 3; ++i) alpha.add(script().read_request().send(busy).close());
    result<files::file> got = run(retrieved(c));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::overloaded);
    EXPECT_EQ(got.error().attempts.size(), 3u);

    c = connected();
    alpha.add(script().read_request().send(
        answer(R"({"error":{"message":"later"}})", "429 Too Many Requests", "Retry-After: 10\r\n")));
    got = run(retrieved(c, call_options().timeout(std::chrono::seconds(9))));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::rate_limit);
    EXPECT_EQ(got.error().retry_after, std::chrono::seconds(10));
    EXPECT_EQ(got.error().attempts.size(), 1u);

    // Nobody said how long.
    c = connected();
    alpha.add(script().read_request().send(answer("{}", "503 Service Unavailable")));
    got = run(retrieved(c));
    EXPECT_EQ(got.error().attempts.size(), 1u);
}

// Cancels when an attempt has failed.
class canceller final : public log_sink {
public:
    explicit canceller(boost::asio::io_context& loop) : loop_(loop) {}
    [[nodiscard]] bool wants(severity) const noexcept override { return true; }
    void write(severity, std::string_view event, std::span<const log_field>) noexcept override {
        EXPECT_EQ(event, "attempt.failed");
        boost::asio::post(loop_, [this] { stop.emit(boost::asio::cancellation_type::terminal); });
    }
    boost::asio::cancellation_signal stop;

private:
    boost::asio::io_context& loop_;
};

TEST_P(ClientObjects, TheWaitForABusyProviderCanBeCancelled) {
    (void)connected(); // settings
    boost::asio::io_context loop{1};
    canceller log(loop);
    connector::registry connectors;
    connector::register_builtin(connectors);
    alpha.add(script().read_request().send(
        answer(R"({"error":{"message":"later"}})", "503 Service Unavailable", "Retry-After: 200\r\n")));
    std::optional<result<files::file>> got;
    boost::asio::co_spawn(loop, retrieved(create(settings, connectors, &log)),
                          boost::asio::bind_cancellation_slot(
                              log.stop.slot(), [&](std::exception_ptr thrown, result<files::file> r) {
                                  EXPECT_FALSE(thrown);
                                  got = std::move(r);
                              }));
    loop.run();
    ASSERT_TRUE(got);
    ASSERT_FALSE(*got);
    EXPECT_EQ(got->error().kind(), errc::canceled);
}

task<result<files::file>> sent(client c, std::shared_ptr<http::body_source> source) {
    files::request file;
    file.file = http::attachment("a.bin", "", std::move(source));
    file.purpose = "user_data";
    co_return co_await c.files.try_create(file);
}

TEST_P(ClientObjects, ADeletionMaySayNothing) {
    alpha.add(script().read_request().send("HTTP/1.1 204 No Content\r\n\r\n"));
    const auto removed = [](client c) -> task<result<deletion>> {
        co_return co_await c.files.try_remove("file-1");
    };
    const result<deletion> got = run(removed(connected()));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->id, "file-1");
    EXPECT_TRUE(got->deleted);
}

TEST_P(ClientObjects, WhatChangesSomethingIsSentAgainOnlyWhenNothingWasDone) {
    client c = connected();
    for (const std::string& bad : {busy, std::string()}) {
        alpha.add(bad.empty() ? script().read_request().reset() : script().read_request().send(bad).close());
        const result<files::file> got = run(sent(c, http::bytes_source("abc")));
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().attempts.size(), 1u);
    }
    alpha.add(script().read_request().send(limited).close());
    alpha.add(script().read_request().send(answer(a_file)));
    const result<files::file> got = run(sent(c, http::bytes_source("abc")));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->x_modelmesh->attempts, 2);
    const std::vector<std::string> requests = alpha.requests();
    EXPECT_EQ(without_boundary(requests.back()), without_boundary(requests[requests.size() - 2]));

    const auto once = std::make_shared<support::counted_source>(3);
    once->announced = 3;
    once->may_rewind = false;
    alpha.add(script().read_request().send(limited).close());
    const result<files::file> not_again = run(sent(connected(), once));
    ASSERT_FALSE(not_again);
    EXPECT_EQ(not_again.error().kind(), errc::rate_limit);
}

TEST_P(ClientObjects, WhatChangesSomethingIsNotSentAgainWhereAKeptConnectionDies) {
    const client c = connected();
    alpha.add(script().read_request().send(answer(a_file)).read_request().reset());
    const auto both = [](client mine) -> task<result<files::file>> {
        const result<files::file> first = co_await retrieved(mine);
        EXPECT_TRUE(first);
        co_return co_await sent(mine, http::bytes_source("abc"));
    };
    const result<files::file> got = run(both(c));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::connect) << got.error().message;
    EXPECT_EQ(alpha.accepted(), 1u);
}

TEST_P(ClientObjects, WhatIsNoReplyIsAProtocolError) {
    for (const char* bad : {"<html>", "{}", "[]", R"({"id":""})"}) {
        const client c = connected();
        alpha.add(script().read_request().send(answer(bad)));
        const result<files::file> got = run(retrieved(c));
        ASSERT_FALSE(got) << bad;
        EXPECT_EQ(got.error().kind(), errc::protocol) << bad << got.error().message;
        EXPECT_EQ(got.error().provider, "alpha");
    }
    const auto listed = [](client c) -> task<result<files::list>> { co_return co_await c.files.try_list(); };
    alpha.add(script().read_request().send(answer("{}")));
    const result<files::list> got = run(listed(connected()));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::protocol);
}

// ----------------------------------------------------------------------------------------------------
// what does not fit into memory

constexpr std::size_t large = 8 * 1024 * 1024;

TEST_P(ClientObjects, ALargeFileIsReadWhileItIsSent) {
    for (const bool is_announced : {true, false}) {
        const auto source = std::make_shared<support::counted_source>(large);
        if (is_announced) source->announced = large;
        alpha.add(
            (is_announced ? script().read_request() : script().read_chunked_request()).send(answer(a_file)));
        const result<files::file> got = run(sent(connected(), source));
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_GT(source->reads, 100u); // never in one piece
        const std::string request = last(alpha);
        const std::size_t at = request.find("filename=\"a.bin\"\r\n\r\n") + 20;
        EXPECT_TRUE(request.compare(at, large, support::counted_source::bytes(0, large)) == 0);
        EXPECT_THAT(request.substr(at + large), StartsWith("\r\n--"));
    }
}

// What arrived of a file, and how it ended.
task<std::string> downloaded(client c, scripted_server* server) {
    result<byte_stream> opened = co_await c.files.try_content_stream("file-1");
    if (!opened) co_return "not opened: " + opened.error().message;
    std::string all = opened->route().provider + ":";
    for (;;) {
        const result<std::optional<std::string_view>> piece = co_await opened->try_read();
        if (!piece)
            co_return all + "|" + std::string(to_string(piece.error().kind())) + " " + piece.error().provider;
        if (!*piece) co_return all;
        all.append(**piece);
        server->resume("more");
    }
}

TEST_P(ClientObjects, AFileIsReadWhileItArrives) {
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n";
    alpha.add(script().read_request().send(busy).close());
    alpha.add(script().read_request().send(head + "abcd").pause("more").send("efgh"));
    EXPECT_EQ(run(downloaded(connected(), &alpha)), "alpha:abcdefgh");
    EXPECT_EQ(last(alpha), wire(alpha, "GET /v1/files/file-1/content", nothing, "*/*"));
    alpha.add(script().read_request().send(head + "abcd").close());
    EXPECT_EQ(run(downloaded(connected(), &alpha)), "alpha:abcd|protocol alpha");
    alpha.add(script().read_request().send(answer(R"({"error":{"message":"gone"}})", "404 Not Found")));
    EXPECT_EQ(run(downloaded(connected(), &alpha)), "not opened: gone");
}

TEST_P(ClientObjects, AFileThatIsTooLargeForMemoryIsRefused) {
    alpha.add(
        script().read_request().send("HTTP/1.1 200 OK\r\nContent-Length: 67108865\r\n\r\n").discard_rest());
    const auto whole = [](client c) -> task<result<files::content>> {
        co_return co_await c.files.try_content("file-1");
    };
    const result<files::content> got = run(whole(connected()));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::protocol);
    EXPECT_EQ(got.error().attempts.size(), 1u);
}

// ----------------------------------------------------------------------------------------------------
// all of it, with a provider that answers

const std::string batch_line =
    R"({"custom_id":"one","method":"POST","url":"/v1/chat/completions","body":{"model":"sim-model","messages":[{"role":"user","content":"Who are you?"}]}})"
    "\n";

/// Uploads a batch in two parts, waits for it, and gives its answers.
task<std::string> answers_of_a_batch(client c) {
    uploads::request announced;
    announced.filename = "batch.jsonl";
    announced.purpose = "batch";
    announced.bytes = static_cast<std::int64_t>(batch_line.size());
    announced.mime_type = "application/jsonl";
    const uploads::upload upload = co_await c.uploads.create(announced);
    uploads::completion parts;
    const std::vector<std::string> pieces{batch_line.substr(0, 20), batch_line.substr(20)};
    for (const std::string& piece : pieces) {
        const uploads::part added =
            co_await c.uploads.parts.create(upload.id, http::attach_bytes("part", piece));
        parts.part_ids.push_back(added.id);
    }
    const uploads::upload complete = co_await c.uploads.complete(upload.id, parts);
    EXPECT_EQ(complete.status, "completed");

    batches::request work;
    work.input_file_id = complete.file->id;
    work.endpoint = "/v1/chat/completions";
    batches::batch batch = co_await c.batches.create(work);
    while (batch.status == "validating" || batch.status == "in_progress")
        batch = co_await c.batches.retrieve(batch.id);
    EXPECT_EQ(batch.status, "completed");

    std::string all;
    byte_stream answers = co_await c.files.content_stream(*batch.output_file_id);
    while (const std::optional<std::string_view> piece = co_await answers.next()) all.append(*piece);
    const files::content whole = co_await c.files.content(*batch.output_file_id);
    EXPECT_EQ(whole.bytes, all);
    const batches::list listed = co_await c.batches.list();
    EXPECT_EQ(listed.data.size(), 1u);
    const files::list kept = co_await c.files.list();
    EXPECT_EQ(kept.data.size(), 2u);
    for (const files::file& each : kept.data) {
        const deletion removed = co_await c.files.remove(each.id);
        EXPECT_TRUE(removed.deleted);
    }
    co_return all;
}

class ClientAndSimulator : public ClientFixture {};
INSTANTIATE_TEST_SUITE_P(Engines, ClientAndSimulator, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(ClientAndSimulator, FromAnUploadToTheAnswersOfABatch) {
    start("sim");
    EXPECT_THAT(run(answers_of_a_batch(create(settings))), HasSubstr("You asked: Who are you?"));
}

TEST_P(ClientAndSimulator, CallsRunOnAnyExecutor) {
    start("sim");
    boost::asio::thread_pool threads(2);
    std::future<std::string> answers =
        boost::asio::co_spawn(threads, answers_of_a_batch(create(settings)), boost::asio::use_future);
    EXPECT_THAT(answers.get(), HasSubstr("You asked: Who are you?"));
    threads.join();
}

task<std::string> tuned(client c) {
    const files::file data = co_await upload(c);
    fine_tuning::request work;
    work.model = "sim-model";
    work.training_file = data.id;
    fine_tuning::job job = co_await c.fine_tuning.jobs.create(work);
    while (!job.fine_tuned_model) job = co_await c.fine_tuning.jobs.retrieve(job.id);
    const fine_tuning::checkpoint_list kept = co_await c.fine_tuning.jobs.checkpoints.list(job.id);
    EXPECT_EQ(kept.data.at(0).fine_tuned_model_checkpoint, *job.fine_tuned_model);
    const fine_tuning::event_list events = co_await c.fine_tuning.jobs.list_events(job.id);
    EXPECT_EQ(events.data.size(), 4u);
    const models::model made = co_await c.models.retrieve(*job.fine_tuned_model);
    EXPECT_EQ(made.id, *job.fine_tuned_model);
    const deletion removed = co_await c.models.remove("sim." + made.id);
    EXPECT_TRUE(removed.deleted);
    const result<models::model> again = co_await c.models.try_retrieve(made.id);
    EXPECT_TRUE(!again && again.error().kind() == errc::not_found);
    const result<deletion> base = co_await c.models.try_remove("sim-model");
    EXPECT_TRUE(!base && base.error().kind() == errc::permission);
    co_return job.status;
}

TEST_P(ClientAndSimulator, AJobGoesThroughItsStates) {
    start("sim");
    EXPECT_EQ(run(tuned(create(settings))), "succeeded");
}

task<std::string> answered_in_the_background(client c) {
    responses::request asked;
    asked.model = "chat-completion";
    asked.input = responses::input("Who are you?");
    asked.background = true;
    responses::reply made = co_await c.responses.create(asked);
    const call_options same = call_options().provider(made.x_modelmesh->provider);
    while (made.status != "completed") made = co_await c.responses.retrieve(made.id, same);
    const responses::item_list items = co_await c.responses.list_input_items(made.id, same);
    EXPECT_EQ(items.data.size(), 1u);
    const deletion removed = co_await c.responses.remove(made.id, same);
    EXPECT_TRUE(removed.deleted);
    co_return made.text();
}

TEST_P(ClientAndSimulator, AResponseIsMadeInTheBackground) {
    start("unused");
    start("sim");
    pool_config pool;
    pool.capability = "chat-completion";
    pool.providers = {"sim"};
    settings.pools.emplace_back("chat-completion", pool);
    EXPECT_THAT(run(answered_in_the_background(create(settings))), HasSubstr("You asked: Who are you?"));
}

// The text of a response whose stream is lost after its first piece.
task<std::string> gone_on_with(client c) {
    responses::request asked;
    asked.model = "chat-completion";
    asked.input = responses::input("Who are you?");
    std::string id, text;
    responses::query rest;
    {
        item_stream<responses::event> first = co_await c.responses.stream(asked);
        while (const std::optional<responses::event> next = co_await first.next()) {
            if (next->response) id = next->response->id;
            text += next->text_delta();
            rest.starting_after = next->sequence_number;
            if (!text.empty()) break;
        }
    }
    const std::string before = text;
    item_stream<responses::event> second = co_await c.responses.retrieve_stream(id, rest);
    std::string whole;
    while (const std::optional<responses::event> next = co_await second.next()) {
        EXPECT_EQ(next->obfuscation.has_value(), !next->text_delta().empty());
        text += next->text_delta();
        if (next->response) whole = next->response->text();
    }
    EXPECT_EQ(text, whole);
    EXPECT_NE(text, before);
    co_return text;
}

TEST_P(ClientAndSimulator, AResponseWhoseStreamWasLostIsGoneOnWith) {
    start("sim");
    EXPECT_THAT(run(gone_on_with(create(settings))), HasSubstr("You asked: Who are you?"));
}

TEST_P(ClientAndSimulator, PagesOfTheWebAreFound) {
    simulator& sim = start("sim");
    settings.providers.back().second.models = {"sim-model"};
    const auto found = [](client c) -> task<search::reply> {
        search::request asked;
        asked.model = "sim-model"; // no name that says what it is for
        asked.query = "cats";
        co_return co_await c.search.create(asked);
    };
    EXPECT_EQ(run(found(create(settings))).results.size(), 5u);
    EXPECT_EQ(sim.requests().back().target, "/v1/search");
}

} // namespace
} // namespace modelmesh::testing
