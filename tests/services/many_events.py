"""Write audit events from many threads at once; every fourth is rolled back."""

import sys
from concurrent.futures import ThreadPoolExecutor

import django


def write(name: str, events: int) -> None:
    from django.db import connection, transaction

    from readerstudy.audit.log import record

    for number in range(events):
        with transaction.atomic():
            record("test", actor=name, target=str(number), detail={"share": number / 7})
            transaction.set_rollback(number % 4 == 0)
    connection.close()


def main() -> None:
    threads, events = int(sys.argv[1]), int(sys.argv[2])
    django.setup()
    with ThreadPoolExecutor(threads) as pool:
        for written in [pool.submit(write, f"writer {n}", events) for n in range(threads)]:
            written.result()


if __name__ == "__main__":
    main()
