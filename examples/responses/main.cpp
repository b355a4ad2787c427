// The Responses API: an answer as events.
//   responses ["question"]      with OPENAI_API_KEY or OPENAI_BASE_URL set
#include <modelmesh/modelmesh.hpp>

#include <modelmesh/api/responses.hpp>

#include <iostream>

modelmesh::task<> ask(std::string question) {
    modelmesh::client client = modelmesh::create("chat-completion");
    modelmesh::responses::request request;
    request.model = "chat-completion";
    request.instructions = "Answer in one sentence.";
    request.input = modelmesh::responses::input(question);
    auto events = co_await client.responses.stream(request);
    while (const auto event = co_await events.next()) {
        std::cout << event->text_delta() << std::flush;
        if (event->response && event->response->usage)
            std::cout << "\n(" << event->response->usage->total_tokens << " tokens)\n";
    }
}

int main(int argc, char** argv) {
    try {
        modelmesh::run(ask(argc > 1 ? argv[1] : "What is a coroutine?"));
        return 0;
    } catch (const modelmesh::error& failure) {
        std::cerr << "error: " << failure.what() << "\n";
        return 1;
    }
}
