// Many questions as one batch: a file of requests, and later a file of their answers.
//   batch [MODEL question...]      with OPENAI_API_KEY or OPENAI_BASE_URL set
#include <modelmesh/modelmesh.hpp>

#include <modelmesh/api/batches.hpp>
#include <modelmesh/api/files.hpp>
#include <modelmesh/json/write.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct line {
    std::string custom_id{};
    std::string method = "POST";
    std::string url = "/v1/chat/completions";
    modelmesh::chat::request body{};
};

// The provider is asked by itself, so the model has its vendor's own name.
modelmesh::task<> ask_all(std::string model, std::vector<std::string> questions) {
    modelmesh::client client = modelmesh::create("chat-completion");
    std::string lines;
    for (const std::string& question : questions) {
        line one;
        one.custom_id = std::to_string(lines.size());
        one.body.model = model;
        one.body.messages = {modelmesh::chat::user(question)};
        lines += modelmesh::json::write(one) + "\n";
    }
    modelmesh::files::request upload;
    upload.file = modelmesh::http::attach_bytes("questions.jsonl", lines);
    upload.purpose = "batch";
    const modelmesh::files::file input = co_await client.files.create(upload);

    modelmesh::batches::request work;
    work.input_file_id = input.id;
    work.endpoint = "/v1/chat/completions";
    modelmesh::batches::batch batch = co_await client.batches.create(work);
    boost::asio::steady_timer pause(co_await boost::asio::this_coro::executor);
    const auto is_under_way = [&batch] {
        constexpr std::array<std::string_view, 4> steps{"validating", "in_progress", "finalizing",
                                                        "cancelling"};
        return std::find(steps.begin(), steps.end(), batch.status) != steps.end();
    };
    while (is_under_way()) {
        std::cout << batch.status << "\n";
        pause.expires_after(std::chrono::seconds(1));
        co_await pause.async_wait(boost::asio::use_awaitable);
        batch = co_await client.batches.retrieve(batch.id);
    }
    std::cout << batch.status << "\n";
    if (!batch.output_file_id) co_return;
    modelmesh::byte_stream answers = co_await client.files.content_stream(*batch.output_file_id);
    while (const std::optional<std::string_view> piece = co_await answers.next()) std::cout << *piece;
}

int main(int argc, char** argv) {
    try {
        std::vector<std::string> questions(argv + std::min(argc, 2), argv + argc);
        if (questions.empty()) questions = {"What is a coroutine?", "What is a batch?"};
        modelmesh::run(ask_all(argc > 1 ? argv[1] : "gpt-4o-mini", questions));
        return 0;
    } catch (const modelmesh::error& failure) {
        std::cerr << "error: " << failure.what() << "\n";
        return 1;
    }
}
