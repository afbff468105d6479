"""The long runs of the network's tests: whole files, four queues on Xen too."""
import pytest

import test_guest_to_guest
import test_network


@pytest.mark.parametrize("vcpus,mtu", [(1, 1500), (4, 9000)])
def test_bytes_arrive_on_xen(vcpus, mtu, tmp_path):
    test_guest_to_guest.bytes_arrive("xen", vcpus, mtu, tmp_path)


def test_256_mib_there_and_back(tmp_path):
    server = test_network.Outside(256)
    try:
        test_network.files_there_and_back("virtio", server, tmp_path, 256, test_network.straight_back)
    finally:
        server.close()
