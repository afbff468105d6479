/*
 * Registers and their bits that the cards have in common; names are those of Intel's manuals: "PCI/
 * PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual" (82540EM), the 82574's
 * and the 82576's datasheets, chapters "Register Descriptions" or "Programming Interface".
 */
#ifndef DEVICES_INTEL_REGISTERS_H
#define DEVICES_INTEL_REGISTERS_H

#define BIT(n) (1u << (n))

#define CTRL                   0x0000u
#define CTRL_MASTER_DISABLE    BIT(2)
#define CTRL_SLU               BIT(6) /* set link up */
#define CTRL_FORCE_SPEED       BIT(11)
#define CTRL_FORCE_DUPLEX      BIT(12)
#define CTRL_RST               BIT(26)
#define STATUS                 0x0008u
#define STATUS_LU              BIT(1) /* link up */
#define STATUS_SPEED(status)   ((status) >> 6 & 3)
#define STATUS_MASTER_ENABLED  BIT(19)
#define CTRL_EXT               0x0018u
#define CTRL_EXT_DRIVER_LOADED BIT(28)
#define CTRL_EXT_PBA_CLEAR     BIT(31)

#define ICR       0x00c0u /* read: causes, and lets go of them */
#define ITR       0x00c4u /* the least time between interrupts, in 256 ns */
#define IMS       0x00d0u
#define IMC       0x00d8u
#define INT_TXDW  BIT(0) /* descriptor written back */
#define INT_LSC   BIT(2) /* link status change */
#define INT_RXDMT BIT(4) /* few receive descriptors left */
#define INT_RXO   BIT(6) /* overrun */
#define INT_RXT   BIT(7) /* packet received */
#define INT_ALL   0xffffffffu
#define PBA       0x1000u /* KiB of the packet buffer that are for receiving */

#define MPC 0x4010u /* packets missed; read: none */

#define RCTL         0x0100u
#define RCTL_EN      BIT(1)
#define RCTL_UPE     BIT(3)               /* unicast promiscuous */
#define RCTL_MPE     BIT(4)               /* multicast promiscuous */
#define RCTL_LPE     BIT(5)               /* long packets */
#define RCTL_BAM     BIT(15)              /* broadcasts */
#define RCTL_4096    (BIT(25) | 3u << 16) /* bytes a buffer */
#define RCTL_SECRC   BIT(26)              /* strip the check sequence */
#define RXCSUM       0x5000u
#define RXCSUM_IPOFL BIT(8)
#define RXCSUM_TUOFL BIT(9)
#define MTA          0x5200u
#define MTA_WORDS    128u
#define RAL          0x5400u
#define RAH          0x5404u
#define RAH_VALID    BIT(31)

#define TCTL        0x0400u
#define TCTL_EN     BIT(1)
#define TCTL_PSP    BIT(3)      /* pad short packets */
#define TCTL_CT     (15u << 4)  /* IEEE 802.3's number of retries */
#define TCTL_COLD   (64u << 12) /* collision distance in full duplex */
#define TIPG        0x0410u
#define TIPG_COPPER (8u | 8u << 10 | 6u << 20)

/* Offsets in a ring's block of registers; where that is depends on the card. */
#define RING_BASE_LOW  0x00u
#define RING_BASE_HIGH 0x04u
#define RING_BYTES     0x08u
#define RING_SPLIT     0x0cu /* SRRCTL, receiving */
#define RING_HEAD      0x10u
#define RING_TAIL      0x18u
#define RING_CONTROL   0x28u /* RXDCTL, TXDCTL */
#define RING_ENABLE    BIT(25)

/* 82574 */
#define IVAR_82574         0x00e4u
#define TXDCTL_GRANULARITY BIT(24)
#define TXDCTL_COUNT       BIT(22)

/* 82576 */
#define GPIE            0x1514u
#define GPIE_NSICR      BIT(0)
#define GPIE_MULTIPLE   BIT(4)
#define GPIE_EIAME      BIT(30)
#define GPIE_PBA        BIT(31)
#define EIMS            0x1524u
#define EIMC            0x1528u
#define EIAC            0x152cu
#define EITR0           0x1680u
#define IVAR0           0x1700u
#define IVAR_MISC       0x1740u
#define IVAR_VALID      0x80u
#define RLPML           0x5004u /* the longest packet let in */
#define SRRCTL_ADVANCED (1u << 25)
#define SRRCTL_4096     4u

#endif
