"""A development chain that needs pip only: py-evm on SQLite behind JSON-RPC.

It keeps what it acknowledged through kill -9: a waiting transaction is on disk before its hash is returned, and a block
is one SQLite transaction. There is one miner, so no block is ever replaced and `finalized` is the latest block.
"""
