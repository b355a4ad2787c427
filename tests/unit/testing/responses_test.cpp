// The Responses API: whole, as events, and asked for again.
#include "service_fixture.hpp"

#include <gmock/gmock.h>

namespace modelmesh::testing::detail {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* path = "/v1/responses";

/// A response up to its output, then from its usage on: what lies between repeats the request.
std::string head_of(const std::string& status, const std::string& completed, const std::string& output) {
    return R"({"id":"resp_sim_0000000001","object":"response","created_at":0,"status":")" + status +
           R"(","completed_at":)" + completed + R"(,"error":null,"incomplete_details":null,"model":"m",)" +
           R"("output":[)" + output + "],";
}
const std::string repeated =
    R"("background":false,"instructions":null,"max_output_tokens":null,"max_tool_calls":null,)"
    R"("parallel_tool_calls":true,"previous_response_id":null,"reasoning":{"effort":null,"summary":null},)"
    R"("service_tier":"default","store":true,"temperature":1E0,"text":{"format":{"type":"text"}},)"
    R"("tool_choice":"auto","tools":[],"top_logprobs":0,"top_p":1E0,"truncation":"disabled","user":null,)"
    R"("metadata":{},)";

const std::string message =
    R"({"id":"msg_0000000001_0","type":"message","status":"completed","role":"assistant","content":[)"
    R"({"type":"output_text","text":"two words","annotations":[],"logprobs":[]}]})";
const std::string usage =
    R"("usage":{"input_tokens":4,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},)"
    R"("output_tokens":2,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":6}})";

struct named_event {
    std::string name;
    boost::json::value data;
};

std::vector<named_event> events_of(const seen_reply& seen) {
    std::vector<named_event> out;
    for (const std::string& chunk : seen.chunks) {
        const std::size_t line = chunk.find('\n');
        EXPECT_EQ(chunk.substr(0, 7), "event: ");
        EXPECT_EQ(chunk.substr(line + 1, 6), "data: ");
        EXPECT_EQ(chunk.substr(chunk.size() - 2), "\n\n");
        out.push_back({chunk.substr(7, line - 7), boost::json::parse(chunk.substr(line + 7))});
        EXPECT_EQ(text(out.back().data.at("type")), out.back().name);
        EXPECT_EQ(out.back().data.at("sequence_number").as_int64(),
                  static_cast<std::int64_t>(out.size()) - 1);
    }
    return out;
}

std::vector<std::string> names_of(const std::vector<named_event>& events) {
    std::vector<std::string> out;
    for (const named_event& event : events) out.push_back(event.name);
    return out;
}

TEST(Responses, PlainReplyHasTheVendorsShape) {
    provider sim(R"({"rules":[{"path":"responses","text":"two words"}]})");
    EXPECT_EQ(without_times(sim.post(path, R"({"model":"m","input":"why"})").body),
              head_of("completed", "0", message) + repeated + usage);
}

TEST(Responses, StreamNamesEveryStep) {
    provider sim(R"({"rules":[{"text":"two words"}]})");
    const seen_reply seen = sim.post(path, R"({"model":"m","input":"why","stream":true})");
    const std::string start = head_of("in_progress", "null", "") + repeated + R"("usage":null})";
    const std::string place = R"("item_id":"msg_0000000001_0","output_index":0,"content_index":0,)";
    const auto event = [](const std::string& name, int number, const std::string& rest) {
        return "event: " + name + "\ndata: {\"type\":\"" + name +
               "\",\"sequence_number\":" + std::to_string(number) + "," + rest + "}\n\n";
    };
    std::vector<std::string> events;
    for (const std::string& chunk : seen.chunks) events.push_back(without_times(chunk));
    EXPECT_THAT(
        events,
        ElementsAre(
            event("response.created", 0, "\"response\":" + start),
            event("response.in_progress", 1, "\"response\":" + start),
            event(
                "response.output_item.added", 2,
                R"("output_index":0,"item":{"id":"msg_0000000001_0","type":"message","status":"in_progress",)"
                R"("role":"assistant","content":[]})"),
            event("response.content_part.added", 3,
                  place + R"("part":{"type":"output_text","text":"","annotations":[],"logprobs":[]})"),
            event("response.output_text.delta", 4, place + R"("delta":"two","logprobs":[])"),
            event("response.output_text.delta", 5, place + R"("delta":" words","logprobs":[])"),
            event("response.output_text.done", 6, place + R"("text":"two words","logprobs":[])"),
            event("response.content_part.done", 7,
                  place +
                      R"("part":{"type":"output_text","text":"two words","annotations":[],"logprobs":[]})"),
            event("response.output_item.done", 8, R"("output_index":0,"item":)" + message),
            event("response.completed", 9,
                  "\"response\":" + head_of("completed", "0", message) + repeated + usage)));
}

TEST(Responses, ToolCallsAreItemsOfTheirOwn) {
    provider sim(R"({"rules":[{"times":2,"text":"hi","tool_calls":[{"name":"f","arguments":{"x":1}},
                                                                   {"name":"g","arguments":"{}"}]}]})");
    const boost::json::value plain = sim.post(path, R"({"model":"m","input":"why"})").json();
    const std::vector<named_event> events =
        events_of(sim.post(path, R"({"model":"m","input":"why","stream":true})"));
    EXPECT_THAT(
        names_of(events),
        ElementsAre("response.created", "response.in_progress", "response.output_item.added",
                    "response.content_part.added", "response.output_text.delta", "response.output_text.done",
                    "response.content_part.done", "response.output_item.done", "response.output_item.added",
                    "response.function_call_arguments.delta", "response.function_call_arguments.delta",
                    "response.function_call_arguments.done", "response.output_item.done",
                    "response.output_item.added", "response.function_call_arguments.delta",
                    "response.function_call_arguments.delta", "response.function_call_arguments.done",
                    "response.output_item.done", "response.completed"));
    EXPECT_EQ(boost::json::serialize(events[8].data.at("item")),
              R"({"id":"fc_0000000002_1","type":"function_call","status":"in_progress","arguments":"",)"
              R"("call_id":"call_0000000002_1","name":"f"})");
    EXPECT_EQ(text(events[9].data.at("delta")) + text(events[10].data.at("delta")), R"({"x":1})");
    EXPECT_EQ(boost::json::serialize(events[11].data),
              R"({"type":"response.function_call_arguments.done","sequence_number":11,)"
              R"("item_id":"fc_0000000002_1","output_index":1,"name":"f","arguments":"{\"x\":1}"})");
    EXPECT_EQ(text(events[12].data.at("item").at("arguments")), R"({"x":1})");
    EXPECT_EQ(events[17].data.at("output_index"), 2);
    EXPECT_EQ(plain.at("output").as_array().size(), 3U);
    EXPECT_EQ(plain.at("usage"), events[18].data.at("response").at("usage"));
    EXPECT_EQ(plain.at("usage").at("output_tokens"), 7);
}

TEST(Responses, OfCallsAloneHaveNoMessage) {
    provider sim(R"({"rules":[{"tool_calls":[{"name":"f","arguments":{}}]}]})");
    const boost::json::value reply = sim.post(path, R"({"model":"m","input":"why"})").json();
    ASSERT_EQ(reply.at("output").as_array().size(), 1U);
    EXPECT_EQ(reply.at("output").as_array()[0].at("type"), "function_call");
}

TEST(Responses, AreIncompleteAtTheirLimitAndWhenTheScriptSaysSo) {
    provider sim(R"({"rules":[{"tokens":20,"times":2},{"finish_reason":"content_filter"}]})");
    const std::string limited = R"({"model":"m","input":"why","max_output_tokens":16)";
    const boost::json::value plain = sim.post(path, limited + "}").json();
    EXPECT_EQ(plain.at("status"), "incomplete");
    EXPECT_TRUE(plain.at("completed_at").is_null());
    EXPECT_EQ(plain.at("incomplete_details"), boost::json::parse(R"({"reason":"max_output_tokens"})"));
    EXPECT_EQ(plain.at("output").as_array()[0].at("status"), "incomplete");
    EXPECT_EQ(plain.at("usage").at("output_tokens"), 16);
    const std::vector<named_event> events = events_of(sim.post(path, limited + R"(,"stream":true})"));
    EXPECT_EQ(events.back().name, "response.incomplete");
    const boost::json::value filtered = sim.post(path, R"({"model":"m","input":"why"})").json();
    EXPECT_EQ(filtered.at("incomplete_details"), boost::json::parse(R"({"reason":"content_filter"})"));
}

TEST(Responses, ReadItemsAndRepeatTheRequest) {
    provider sim;
    const boost::json::value reply =
        sim.post(path, R"({"model":"m","instructions":"be brief","metadata":{"a":"b"},"temperature":0.5,
        "tools":[{"type":"function","name":"f","parameters":{}}],"input":[
        {"role":"developer","content":"one"},{"type":"message","role":"user","content":[
        {"type":"input_text","text":"why so"},{"type":"input_image","image_url":"u"},{"type":"input_text","text":" blue"}]},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
        {"type":"function_call_output","call_id":"c","output":"a b"},{"type":"reasoning","summary":[]}]})")
            .json();
    EXPECT_THAT(text(reply.at("output").as_array()[0].at("content").as_array()[0].at("text")),
                HasSubstr("You asked: why so blue -"));
    EXPECT_EQ(reply.at("usage").at("input_tokens"), (2 + 3) + (1 + 3) + (3 + 3) + (1 + 3) + (2 + 3) + 3);
    EXPECT_EQ(reply.at("instructions"), "be brief");
    EXPECT_EQ(reply.at("metadata"), boost::json::parse(R"({"a":"b"})"));
    EXPECT_EQ(reply.at("temperature"), 0.5);
    EXPECT_EQ(reply.at("tools").as_array().size(), 1U);
}

TEST(Responses, MayFailCutAndBreakInTheirCourse) {
    provider sim(R"({"rules":[{"error_after_events":2,"error":{"message":"busy","code":"overloaded"}},
                              {"error_after_events":0},{"malformed":"json"},{"status":429}]})");
    const std::string request = R"({"model":"m","input":"why","stream":true})";
    const seen_reply failed = sim.post(path, request);
    ASSERT_EQ(failed.chunks.size(), 3U);
    EXPECT_EQ(failed.chunks[2], "event: error\ndata: {\"type\":\"error\",\"sequence_number\":2,"
                                "\"code\":\"overloaded\",\"message\":\"busy\",\"param\":null}\n\n");
    EXPECT_THAT(sim.post(path, request).body, HasSubstr(R"("sequence_number":0,"code":"server_error")"));
    const seen_reply broken = sim.post(path, request);
    boost::system::error_code ec;
    boost::json::parse(broken.chunks.at(1).substr(broken.chunks[1].find("data: ") + 6), ec);
    EXPECT_TRUE(ec);
    EXPECT_EQ(sim.post(path, request).status, 429);
}

TEST(StoredResponses, AreShownAndRemoved) {
    provider sim(R"({"rules":[{"text":"a"},{"status":500}]})");
    const std::string made = sim.post(path, R"({"model":"m","input":"why"})").body;
    const std::string own = "/v1/responses/resp_sim_0000000001";
    EXPECT_EQ(sim.get(own).body, made);
    EXPECT_EQ(sim.post(path, R"({"model":"m","input":"why"})").status, 500); // makes none
    EXPECT_EQ(sim.get("/v1/responses/resp_sim_0000000003").status, 404);
    EXPECT_EQ(sim.post(own + "/cancel", "").status, 400);
    EXPECT_EQ(sim.call("DELETE", own).body,
              R"({"id":"resp_sim_0000000001","object":"response","deleted":true})");
    EXPECT_EQ(sim.get(own).status, 404);
    EXPECT_EQ(sim.call("DELETE", own).status, 404);
    EXPECT_EQ(sim.post(own + "/cancel", "").status, 404);
    EXPECT_EQ(sim.get(path).status, 405);
}

TEST(StoredResponses, AreThoseThatWereStreamedTooButNotThoseThatWereNotToBeStored) {
    provider sim;
    const std::vector<named_event> events =
        events_of(sim.post(path, R"({"model":"m","input":"why","stream":true})"));
    const std::string id = text(events[0].data.at("response").at("id"));
    EXPECT_EQ(sim.get("/v1/responses/" + id).json(), events.back().data.at("response"));
    const boost::json::value lost = sim.post(path, R"({"model":"m","input":"why","store":false})").json();
    EXPECT_EQ(lost.at("store"), false);
    EXPECT_EQ(sim.get("/v1/responses/" + text(lost.at("id"))).status, 404);
}

TEST(StoredResponses, AreStreamedAgain) {
    provider sim(R"({"rules":[{"text":"two words"}]})");
    const seen_reply first = sim.post(path, R"({"model":"m","input":"why","stream":true})");
    const std::string own = "/v1/responses/resp_sim_0000000001?stream=true";
    EXPECT_EQ(sim.get(own + "&include_obfuscation=false").chunks, first.chunks);
    const std::vector<named_event> all = events_of(sim.get(own));
    ASSERT_EQ(all.size(), first.chunks.size());
    EXPECT_EQ(all[4].name, "response.output_text.delta");
    EXPECT_EQ(text(all[4].data.at("delta")), "two");
    EXPECT_EQ(text(all[4].data.at("obfuscation")), ".............");
    EXPECT_EQ(text(all[5].data.at("obfuscation")), "..........");
    const seen_reply rest = sim.get(own + "&include_obfuscation=false&starting_after=4");
    EXPECT_EQ(rest.chunks, std::vector<std::string>(first.chunks.begin() + 5, first.chunks.end()));
    EXPECT_EQ(sim.get(own + "&starting_after=-1").status, 400);
    EXPECT_EQ(sim.get(own + "&starting_after=" + std::to_string(all.size() - 1)).status, 400);
    EXPECT_EQ(sim.get("/v1/responses/none?stream=true").status, 404);
    EXPECT_EQ(text(sim.get("/v1/responses/resp_sim_0000000001?stream=false").json().at("status")),
              "completed");
}

TEST(StoredResponses, OfTheBackgroundGoOnWhenTheyAreAskedFor) {
    provider sim;
    const std::string request = R"({"model":"m","input":"why","background":true})";
    const boost::json::value made = sim.post(path, request).json();
    EXPECT_EQ(made.at("status"), "queued");
    EXPECT_TRUE(made.at("output").as_array().empty());
    const std::string own = "/v1/responses/" + text(made.at("id"));
    EXPECT_EQ(sim.get(own).json().at("status"), "in_progress");
    const boost::json::value finished = sim.get(own).json();
    EXPECT_EQ(finished.at("status"), "completed");
    EXPECT_EQ(finished.at("output").as_array().size(), 1U);
    EXPECT_EQ(sim.post(own + "/cancel", "").json().at("status"), "completed");

    const std::string other = "/v1/responses/" + text(sim.post(path, request).json().at("id"));
    EXPECT_EQ(sim.post(other + "/cancel", "").json().at("status"), "cancelled");
    EXPECT_EQ(sim.get(other).json().at("status"), "cancelled");
}

TEST(StoredResponses, AreTheLastHundred) {
    provider sim;
    const auto make = [&] { return text(sim.post(path, R"({"model":"m","input":"why"})").json().at("id")); };
    const std::string first = make(), second = make();
    for (int i = 0; i < 99; ++i) make();
    EXPECT_EQ(sim.get("/v1/responses/" + first).status, 404);
    EXPECT_EQ(sim.get("/v1/responses/" + second).status, 200);
}

TEST(StoredResponses, MayBeGoneOnFrom) {
    provider sim;
    sim.post(path, R"({"model":"m","input":"why"})");
    const std::string rest = R"("model":"m","input":"and","previous_response_id":)";
    EXPECT_EQ(sim.post(path, "{" + rest + R"("resp_sim_0000000001"})").status, 200);
    EXPECT_EQ(sim.problem(path, "{" + rest + R"("resp_other_0000000001"})"),
              "previous_response_id previous_response_not_found");
}

TEST(Responses, RefuseWhatIsWrong) {
    provider sim;
    const auto problem = [&](const std::string& rest) {
        return sim.problem(path, R"({"model":"m")" + rest + "}");
    };
    EXPECT_EQ(sim.problem(path, R"({"input":"a"})"), "model -");
    EXPECT_EQ(problem(""), "input missing_required_parameter");
    EXPECT_EQ(problem(R"(,"input":7)"), "input invalid_type");
    EXPECT_EQ(problem(R"(,"input":[])"), "input invalid_type");
    EXPECT_EQ(problem(R"(,"input":["a"])"), "input invalid_value");
    EXPECT_EQ(problem(R"(,"input":[{"content":"a"}])"), "input invalid_value");
    EXPECT_EQ(problem(R"(,"input":[{"type":1}])"), "input invalid_value");
    EXPECT_EQ(problem(R"(,"input":"a","max_output_tokens":15)"), "max_output_tokens integer_below_min_value");
    EXPECT_EQ(problem(R"(,"input":"a","background":true,"store":false)"), "store invalid_value");
    EXPECT_EQ(sim.post(path, R"({"model":"x","input":"a"})").status, 404);
}

} // namespace
} // namespace modelmesh::testing::detail
