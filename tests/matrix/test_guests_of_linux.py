"""The long runs of the network's tests: whole files, four queues on Xen too."""
import test_guest_to_guest
import test_network


def test_four_queues_and_large_frames_on_xen(tmp_path):
    test_guest_to_guest.bytes_arrive("xen", 4, 9000, tmp_path)


def test_256_mib_there_and_back(tmp_path):
    server = test_network.Outside(256)
    try:
        test_network.files_there_and_back("virtio", server, tmp_path, 256, test_network.straight_back)
    finally:
        server.close()
