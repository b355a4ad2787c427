// A picture from a description, into a file.
//   image ["description" FILE]      with OPENAI_API_KEY or OPENAI_BASE_URL set
#include <modelmesh/modelmesh.hpp>

#include <modelmesh/api/images.hpp>

#include <fstream>
#include <iostream>

modelmesh::task<> draw(std::string description, std::string path) {
    modelmesh::client client = modelmesh::create("text-to-image");
    modelmesh::images::request request;
    request.model = "text-to-image";
    request.prompt = description;
    const modelmesh::images::reply reply = co_await client.images.generate(request);
    const modelmesh::images::image& picture = reply.data->at(0);
    if (picture.url) {
        std::cout << *picture.url << "\n";
    } else {
        std::ofstream(path, std::ios::binary) << modelmesh::images::bytes_of(picture).value();
        std::cout << path << "\n";
    }
}

int main(int argc, char** argv) {
    try {
        modelmesh::run(draw(argc > 2 ? argv[1] : "a cat in a hat", argc > 2 ? argv[2] : "image.png"));
        return 0;
    } catch (const modelmesh::error& failure) {
        std::cerr << "error: " << failure.what() << "\n";
        return 1;
    }
}
