from kuemmerer.cli import main

main()
